"""Taking turns: whoever changes the registry decides on what the one before has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.store.log import lock_log

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["take_turn"]


def take_turn(connection: Connection) -> None:
    """Wait for other writers; what is read afterwards in this transaction nobody else changes.

    SQLite lets one writer in at a time by itself. On PostgreSQL the log is locked, to which every change
    appends at its end anyway, so no two wait for each other in a circle.
    """
    if connection.dialect.name != "sqlite":
        lock_log(connection)
