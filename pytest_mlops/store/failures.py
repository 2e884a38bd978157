"""Errors of databases as messages with a remedy."""

from __future__ import annotations

import errno
import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pytest_mlops.errors import ConflictError, MLOpsError, StoreError

__all__ = ["DATABASE_ERRORS", "explain", "explain_os"]

DATABASE_ERRORS: Final = (DBAPIError, PoolTimeout, sqlite3.Error)
"""Errors of a database operation; any other exception is a mistake of the caller."""

_LOCKED = "is locked by another process; wait until that has finished, then repeat"
_FULL = "is on a full disk; free some space, then repeat"
_READ_ONLY = "is read-only; give this user the right to write to the file and its folder"
_CORRUPT = "is corrupted; restore it from a copy, or move it aside to begin a new one"
_NOT_OURS = "is not a database; name another file, or move this one aside"
_DENIED = "may not be used by this user; grant the rights, or name another store"
_UNREADABLE = "cannot be opened; check that its folder exists and that this user may write to it"
_DISK = "had an input or output error; check the disk and its free space, then repeat"
_DEADLOCK = "was changed by another process at the same time; repeat"
_LOST = "was lost while it was in use; nothing of this change was written, repeat it"
_UNCERTAIN = "was lost during the commit; check whether the change is there before you repeat it"
_UNREACHED = "cannot be reached; check that its server runs and that the URL is right"
_CROWDED = "has no connection left; close others, or raise the server's max_connections"

# Extended SQLite result codes begin with the name of the code that they refine.
_SQLITE = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": _FULL,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_CORRUPT": _CORRUPT,
    "SQLITE_NOTADB": _NOT_OURS,
    "SQLITE_PERM": _DENIED,
    "SQLITE_AUTH": _DENIED,
    "SQLITE_CANTOPEN": _UNREADABLE,
    "SQLITE_IOERR": _DISK,
}

# SQLSTATE codes, or the classes that their first two characters name (PostgreSQL manual, appendix A).
_POSTGRESQL = {
    "08": _LOST,
    "57P": _LOST,
    "28": _DENIED,
    "42501": _DENIED,
    "3D000": "does not exist; create the database first",
    "53100": _FULL,
    "53300": _CROWDED,
    "55P03": _LOCKED,
    "40": _DEADLOCK,
    "25006": _READ_ONLY,
    "XX001": _CORRUPT,
    "XX002": _CORRUPT,
}

_OS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EISDIR: _NOT_OURS,
    errno.ENOTDIR: _UNREADABLE,
    errno.EIO: _DISK,
}


def explain(error: Exception, store: str, *, committing: bool = False) -> MLOpsError:
    """Return the error to raise for one of ``DATABASE_ERRORS``.

    Args:
        error: What the database raised.
        store: Its name in messages.
        committing: Whether it was raised by the commit itself, when a lost connection leaves it open
            whether the change was written.

    Returns:
        A ConflictError where a row was there already, else a StoreError; the original's first line follows
        in brackets.
    """
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    detail = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    if _is_taken(cause):
        return ConflictError(f"another process wrote the same row first; read it again ({detail})")
    advice = _of_sqlite(cause) if isinstance(cause, sqlite3.Error) else _of_postgresql(error, cause)
    if advice == _LOST:
        subject = f"the connection to the store {store}"
        return StoreError(f"{subject} {_UNCERTAIN if committing else _LOST} ({detail})")
    return StoreError(f"the store {store} {advice} ({detail})")


def explain_os(error: OSError, store: str) -> StoreError:
    """Return the error to raise where the file of a store cannot be made or opened."""
    advice = _OS.get(error.errno or 0, _UNREADABLE)
    return StoreError(f"the store {store} {advice} ({error.strerror or error})")


def _is_taken(cause: BaseException) -> bool:
    name = getattr(cause, "sqlite_errorname", "")
    return name in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"} or _state(cause) == "23505"


def _state(cause: BaseException) -> str:
    return getattr(cause, "sqlstate", None) or ""


def _of_sqlite(cause: sqlite3.Error) -> str:
    name = getattr(cause, "sqlite_errorname", None) or ""
    for code, advice in _SQLITE.items():
        if name == code or name.startswith(f"{code}_"):
            return advice
    if "decode to UTF-8" in str(cause):  # raised by Python, so it has no code
        return _CORRUPT
    return "refused the operation"


def _of_postgresql(error: Exception, cause: BaseException) -> str:
    state = _state(cause)
    for code in (state, state[:3], state[:2]):
        if code in _POSTGRESQL:
            return _POSTGRESQL[code]
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _LOST
    if isinstance(error, PoolTimeout):
        return _CROWDED
    if not state and type(cause).__name__ == "OperationalError":
        return _UNREACHED
    return "refused the operation"
