"""A store in one SQLite file: durable, many readers beside one writer."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Engine, NullPool, QueuePool, create_engine, event

from pytest_mlops.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection, PoolProxiedConnection

__all__ = ["change_detector", "copy_database", "keep_out_of_git", "make_engine", "prepare_file"]

_PAUSE = 0.01


def prepare_file(path: Path, *, timeout: float) -> None:
    """Make the file, readable by its owner only, and switch it to a write-ahead log.

    Raises:
        OSError: the file or its folder cannot be made.
        sqlite3.Error: it is not a database, or cannot be written.
        StoreError: the file system has no shared memory, which the write-ahead log needs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    try:
        mode = _switch_to_wal(connection, deadline=time.monotonic() + timeout)
    finally:
        connection.close()
    if mode != "wal":
        raise StoreError(
            f"the store sqlite:///{path} cannot keep a write-ahead log there (journal mode {mode}); "
            "put it on a local disk, or use PostgreSQL"
        )


def keep_out_of_git(folder: Path) -> None:
    """Write a ``.gitignore`` into the folder, so that no store is committed by accident.

    One that is there stays as it is.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A folder that may be read only is none that is new.
    with contextlib.suppress(FileExistsError, PermissionError), (folder / ".gitignore").open("x") as stream:
        stream.write("*\n")


def _switch_to_wal(connection: sqlite3.Connection, *, deadline: float) -> str:
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode != "wal":
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return str(mode)
        except sqlite3.OperationalError as error:
            # SQLite does not wait here: of two that switch a new file, one gets "locked" at once.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


def make_engine(url: URL, *, timeout: float, begin: str, pragmas: tuple[str, ...], pooled: bool) -> Engine:
    """Return an engine whose transactions are SQLite's own, which Python's driver would begin too late.

    Args:
        url: The file.
        timeout: Seconds to wait for a lock.
        begin: The statement that begins a transaction.
        pragmas: Settings of every connection, beside those for durability.
        pooled: Whether connections are kept.
    """
    settings = (f"busy_timeout = {round(timeout * 1000)}", "synchronous = FULL", *pragmas)

    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")

    def begin_transaction(connection: Connection) -> None:
        connection.connection.dbapi_connection.execute(begin)  # type: ignore[union-attr]

    # Connections come back after commit or rollback: undoing that once more is a statement for nothing.
    kept: dict[str, Any] = {"poolclass": QueuePool, "max_overflow": -1, "pool_reset_on_return": None}
    connect_args = {"timeout": timeout, "check_same_thread": False}
    engine = create_engine(url, connect_args=connect_args, **(kept if pooled else {"poolclass": NullPool}))
    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin_transaction)
    return engine


def change_detector(connection: PoolProxiedConnection) -> Callable[[], bool]:
    """Return a function that returns whether another connection committed anything since its last call.

    ``PRAGMA data_version`` reads the head of the write-ahead log, and no table.
    """
    cursor = connection.cursor()
    before: int | None = None

    def changed() -> bool:
        nonlocal before
        cursor.execute("PRAGMA data_version")
        (version,) = cursor.fetchone() or (None,)
        now, before = before, version
        return now != before

    return changed


def copy_database(path: Path, copy: Path) -> None:
    """Copy a database as it is now, whole or not at all, while others may read it.

    Raises:
        OSError: the copy cannot be written.
        sqlite3.Error: the same, as SQLite raises it.
    """
    temporary = copy.with_name(f".{copy.name}.{os.getpid()}.tmp")
    try:
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
        source, target = sqlite3.connect(path), sqlite3.connect(temporary)
        try:
            source.backup(target)
        finally:
            target.close()
            source.close()
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(copy)
    finally:
        temporary.unlink(missing_ok=True)
