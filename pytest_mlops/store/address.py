"""The database that a store URL names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from pytest_mlops.errors import StoreError

__all__ = ["DEFAULT_PATH", "VARIABLE", "Address", "resolve_address"]

VARIABLE = "MLOPS_STORE_URL"
DEFAULT_PATH = Path(".mlops", "store.db")

_EXPECTED = "expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a store is.

    Attributes:
        url: With the driver, and with the password, which its ``repr`` hides.
        path: The file of an SQLite store; ``None`` for PostgreSQL.
        shown: Its name in messages, without the password.
    """

    url: URL = field(repr=False)
    path: Path | None
    shown: str


def resolve_address(url: str | None, *, folder: Path) -> Address:
    """Read a store URL; without one ``$MLOPS_STORE_URL``, else ``.mlops/store.db`` in ``folder``.

    A relative SQLite path is taken from ``folder``.

    Raises:
        StoreError: not a URL of SQLite or PostgreSQL, or the PostgreSQL driver is not installed.
    """
    given = url or os.environ.get(VARIABLE)
    if not given:
        return _sqlite(folder / DEFAULT_PATH)
    try:
        parsed = make_url(given)
    except ArgumentError:
        raise StoreError(f"the store URL cannot be read; {_EXPECTED}") from None
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _sqlite(folder / _file_of(parsed))
        case "postgresql" | "postgresql+psycopg":
            return _postgresql(parsed)
        case other:
            raise StoreError(f"the store URL starts with {other!r}; {_EXPECTED}")


def _file_of(url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:") or url.query:
        raise StoreError(
            f"the store URL is {url.render_as_string()!r}; expected only the path of a file, such "
            "as sqlite:///.mlops/store.db"
        )
    return Path(url.database)


def _sqlite(path: Path) -> Address:
    path = Path(os.path.abspath(path))  # noqa: PTH100 -- resolve() would follow the link of a missing file
    return Address(url=URL.create("sqlite", database=str(path)), path=path, shown=f"sqlite:///{path}")


def _postgresql(url: URL) -> Address:
    if find_spec("psycopg") is None:
        raise StoreError(
            "a store on PostgreSQL needs psycopg; install it: pip install 'pytest-mlops[postgres]'"
        )
    url = url.set(drivername="postgresql+psycopg")
    shown = url.set(drivername="postgresql").render_as_string(hide_password=True)
    return Address(url=url, path=None, shown=shown)
