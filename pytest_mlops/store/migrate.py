"""Migrates a store to the tables that this package knows, or refuses it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from pytest_mlops.errors import StoreError
from pytest_mlops.store import sqlite
from pytest_mlops.store.failures import DATABASE_ERRORS
from pytest_mlops.store.migrations import REVISION_TABLE

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from pytest_mlops.store.address import Address

__all__ = ["SCRIPTS", "backup_path", "known_revisions", "migrate_store"]

SCRIPTS = Path(__file__).parent / "migrations"

_PROCESS_LOCK = threading.Lock()  # Alembic keeps the running migration in its modules
_ADVISORY_KEY = 0x6D6C6F7073  # the same in every process that migrates


def known_revisions(scripts: Path) -> list[str]:
    """Return the revisions of a folder of migrations, oldest first: the numbers that its files begin with."""
    return sorted(path.name.partition("_")[0] for path in (scripts / "versions").glob("[0-9]*_*.py"))


def backup_path(path: Path, revision: str) -> Path:
    """Return where an SQLite store of an older revision is kept when it is migrated."""
    return path.with_name(f"{path.name}.revision-{revision}.backup")


def migrate_store(address: Address, reader: Engine, writer: Engine, *, timeout: float) -> None:
    """Migrate a store in one transaction where it is older; an up-to-date one costs one SELECT.

    An SQLite store is first copied to a file beside it, which stays.

    Raises:
        StoreError: the store is newer, holds another program's tables, or a migration failed, in which case
            it is as it was.
    """
    if _is_current(_read_revision(reader), address):
        return
    with _PROCESS_LOCK:
        if address.path is None:
            _migrate_postgresql(address, writer)
        else:
            _migrate_sqlite(address, address.path, timeout=timeout)


def _read_revision(engine: Engine) -> str | None:
    try:
        with engine.begin() as connection:
            return _revision(connection)
    except DBAPIError as error:
        if "no such table" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "42P01":
            return None
        raise


def _revision(connection: Connection) -> str | None:
    return connection.execute(text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar()  # noqa: S608


def _is_current(revision: str | None, address: Address) -> bool:
    known = known_revisions(SCRIPTS)
    if revision is not None and revision not in known:
        raise StoreError(
            f"the store {address.shown} has revision {revision}, newer than {known[-1]}, the last that this "
            "pytest-mlops knows; upgrade it: pip install --upgrade pytest-mlops"
        )
    return revision == known[-1]


def _migrate_postgresql(address: Address, writer: Engine) -> None:
    with writer.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_KEY})
        if not _is_current(_revision_or_new(connection, address), address):
            _upgrade(connection, address)


def _migrate_sqlite(address: Address, path: Path, *, timeout: float) -> None:
    # Tables that others refer to can be rebuilt only while their references are not enforced.
    engine = sqlite.make_engine(
        address.url, timeout=timeout, begin="BEGIN IMMEDIATE", pragmas=("foreign_keys = OFF",), pooled=False
    )
    with engine.begin() as connection:
        revision = _revision_or_new(connection, address)
        if _is_current(revision, address):
            return
        if revision is not None:
            sqlite.copy_database(path, backup_path(path, revision))
        _upgrade(connection, address)
        dangling = connection.execute(text("PRAGMA foreign_key_check")).all()
        if dangling:
            raise StoreError(
                f"the store {address.shown} cannot be migrated: {len(dangling)} rows of "
                f"{dangling[0][0]} would refer to missing rows; nothing was changed"
            )


def _revision_or_new(connection: Connection, address: Address) -> str | None:
    """Return the revision; ``None`` for a new store."""
    from pytest_mlops.store.schema import metadata  # noqa: PLC0415 -- where a migration is needed only

    tables = set(inspect(connection).get_table_names())
    if REVISION_TABLE in tables:
        return _revision(connection)
    foreign = sorted(tables & metadata.tables.keys())
    if foreign:
        raise StoreError(
            f"the store {address.shown} contains a table {foreign[0]!r} of another program; "
            "use a separate database"
        )
    return None


def _upgrade(connection: Connection, address: Address) -> None:
    from alembic import command  # noqa: PLC0415 -- slow to import, and seldom needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except DATABASE_ERRORS:
        raise
    except Exception as error:
        raise StoreError(
            f"the store {address.shown} cannot be migrated; nothing was changed ({type(error).__name__}: "
            f"{error})"
        ) from error
