"""A store in a PostgreSQL database, shared by many machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import create_engine

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

__all__ = ["make_engine"]

_CONNECT_SECONDS = 10


def make_engine(url: URL, *, timeout: float) -> Engine:
    """Return an engine that tries a kept connection before it is used again.

    Args:
        url: The database, with ``postgresql+psycopg``; its own ``options`` and ``connect_timeout`` are kept.
        timeout: Seconds to wait for a lock.
    """
    options = url.query.get("options", "")
    given = options if isinstance(options, str) else " ".join(options)
    connect_args = {
        "options": f"-c lock_timeout={round(timeout * 1000)} {given}".strip(),
        "connect_timeout": url.query.get("connect_timeout", _CONNECT_SECONDS),
    }
    url = url.difference_update_query(["options", "connect_timeout"])
    return create_engine(
        url, connect_args=connect_args, isolation_level="READ COMMITTED", pool_pre_ping=True, max_overflow=-1
    )
