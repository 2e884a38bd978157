"""The store: opened once, read in snapshots, written in transactions."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlalchemy import create_engine

from pytest_mlops.errors import StoreError
from pytest_mlops.store import sqlite
from pytest_mlops.store.address import DEFAULT_PATH, Address, resolve_address
from pytest_mlops.store.failures import DATABASE_ERRORS, explain, explain_os
from pytest_mlops.store.fork_guard import ForkGuard
from pytest_mlops.store.migrate import migrate_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection, Engine

__all__ = ["LOCK_SECONDS", "Store", "open_store", "store_exists"]

LOCK_SECONDS = 60.0
"""How long a lock is waited for by default."""
_CONNECT_SECONDS = 10


class Store:
    """A database; one object serves all threads of a process. Close it, or use it in ``with``.

    Attributes:
        url: Where it is, with the password hidden.
    """

    def __init__(self, address: Address, *, reader: Engine, writer: Engine) -> None:
        self.url = address.shown
        self._reader = reader
        self._writer = writer
        self._open = True
        self._fork_guard = ForkGuard(self._close_idle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the store throughout, and that cannot write.

        Raises:
            StoreError: the database failed; the message has the remedy.
        """
        self._require_open()
        try:
            with self._fork_guard, self._reader.begin() as connection:
                yield connection
        except DATABASE_ERRORS as error:
            raise explain(error, self.url) from error

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes are written together at the end, or not at all on an exception.

        SQLite admits one writer at a time; on PostgreSQL (READ COMMITTED) lock the rows that you
        decide on with ``SELECT … FOR UPDATE``. A ``write`` within a ``write`` waits for itself.

        Raises:
            ConflictError: a row with the same key is there already.
            StoreError: the database failed; nothing was written.
        """
        self._require_open()
        committing = False
        try:
            with self._fork_guard, self._writer.begin() as connection:
                yield connection
                committing = True
        except DATABASE_ERRORS as error:
            raise explain(error, self.url, committing=committing) from error

    @contextlib.contextmanager
    def changes(self) -> Iterator[Callable[[], bool]]:
        """Give a function that returns whether anything may have been written since its last call.

        The first call returns true. On SQLite a call costs some microseconds; on PostgreSQL it always returns
        true. Only the thread that entered may call it.

        Raises:
            StoreError: the database failed; enter again.
        """
        self._require_open()
        if self._reader.dialect.name != "sqlite":
            yield lambda: True
            return
        try:
            with self._fork_guard, contextlib.closing(self._reader.raw_connection()) as connection:
                yield sqlite.change_detector(connection)
        except DATABASE_ERRORS as error:
            raise explain(error, self.url) from error

    def close(self) -> None:
        """Close every connection; the store cannot be used afterwards."""
        self._open = False
        self._close_idle()

    def _close_idle(self) -> None:
        self._reader.dispose()
        self._writer.dispose()

    def _require_open(self) -> None:
        if not self._open:
            raise StoreError(f"the store {self.url} was closed; open it again")


def open_store(url: str | None = None, *, folder: Path = Path(), timeout: float = LOCK_SECONDS) -> Store:
    """Open a store; make it where there is none, and migrate it where it is of an older version.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql://…``; ``None`` for ``$MLOPS_STORE_URL``, else the SQLite
            file ``.mlops/store.db``.
        folder: What a relative path starts from.
        timeout: Seconds to wait for a lock.

    Raises:
        StoreError: it cannot be opened, is of a newer version, or belongs to another program.
    """
    address = resolve_address(url, folder=folder)
    try:
        store = _connect(address, timeout=timeout)
        try:
            migrate_store(address, store._reader, store._writer, timeout=timeout)  # noqa: SLF001
        except BaseException:
            store.close()
            raise
    except DATABASE_ERRORS as error:
        raise explain(error, address.shown) from error
    except OSError as error:
        raise explain_os(error, address.shown) from error
    return store


def _connect(address: Address, *, timeout: float) -> Store:
    if address.path is None:
        writer = _postgresql_engine(address.url, timeout=timeout)
        snapshot = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        return Store(address, reader=snapshot, writer=writer)
    if address.path.parent.name == DEFAULT_PATH.parent.name:
        sqlite.keep_out_of_git(address.path.parent)
    sqlite.prepare_file(address.path, timeout=timeout)
    return Store(
        address,
        reader=sqlite.make_engine(
            address.url, timeout=timeout, begin="BEGIN", pragmas=("query_only = ON",), pooled=True
        ),
        writer=sqlite.make_engine(
            address.url, timeout=timeout, begin="BEGIN IMMEDIATE", pragmas=("foreign_keys = ON",), pooled=True
        ),
    )


def _postgresql_engine(url: URL, *, timeout: float) -> Engine:
    """Return an engine that checks a pooled connection before it is used again.

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


def store_exists(url: str | None = None, *, folder: Path = Path()) -> bool:
    """Return whether there is a store to open, without creating it; a PostgreSQL URL counts as one.

    Raises:
        StoreError: the URL means neither SQLite nor PostgreSQL.
    """
    path = resolve_address(url, folder=folder).path
    return path is None or path.is_file()
