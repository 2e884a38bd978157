"""The lock that a supervisor holds for as long as it lives, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConflictError, IoError, TaskError
from pytest_mlops.files import OsErrorsAs
from pytest_mlops.serving.processes import Identity
from pytest_mlops.serving.run_files import LockFile, read_lock
from pytest_mlops.serving.versioned import encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["hold_lock", "is_locked", "lock_holder", "wait_for_lock"]

# To ask whether it is held means to hold it for a moment.
_PATIENCE = 0.5
_PAUSE = 0.01


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock, and write to its file who does.

    Raises:
        ConflictError: another process holds it.
        IoError: its file cannot be made.
        TaskError: this system has no such locks.
    """
    with OsErrorsAs(IoError, f"cannot write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _take(handle):
            if time.monotonic() > deadline:
                raise ConflictError(_held_message(path))
            time.sleep(_PAUSE)
        own = Identity.current()
        os.ftruncate(handle, 0)
        os.pwrite(handle, encode(LockFile(pid=own.pid, process_start=own.process_start)), 0)
        yield
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock.

    Raises:
        IoError: its file cannot be opened, so that this is not known.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise IoError(f"cannot open {path}: {error.strerror or error}") from error
    try:
        return not _take(handle, shared=True)
    finally:
        os.close(handle)


def lock_holder(path: Path) -> Identity | None:
    """Return the process that wrote that it holds the lock; ``None`` where none is known to."""
    file = read_lock(path) if is_locked(path) else None
    return None if file is None else file.identity


def wait_for_lock(handle: int) -> None:
    """Lock an open file until it is closed, as soon as no other process has it.

    Raises:
        TaskError: this system has no such locks.
    """
    while not _take(handle):
        time.sleep(_PAUSE)


def _held_message(path: Path) -> str:
    holder = lock_holder(path)
    which = "" if holder is None else f" (process {holder.pid})"
    return f"a supervisor of this environment runs already{which}; see pytest-mlops status"


def _take(handle: int, *, shared: bool = False) -> bool:
    try:
        import fcntl  # noqa: PLC0415 -- not on Windows
    except ImportError as error:  # pragma: no cover -- Windows
        raise TaskError("supervisors need POSIX file locks, such as on Linux or macOS") from error
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
