"""The lock that a supervisor holds for as long as it lives, however it ends."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConflictError, TaskError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["hold_lock", "is_locked"]


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock.

    Raises:
        ConflictError: another process holds it.
        TaskError: this system has no such locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _take(handle):
            raise ConflictError("a supervisor of this environment runs already; see pytest-mlops status")
        yield
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Tell whether a process holds the lock."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _take(handle)
    finally:
        os.close(handle)


def _take(handle: int) -> bool:
    try:
        import fcntl  # noqa: PLC0415 -- not on Windows
    except ImportError as error:  # pragma: no cover -- Windows
        raise TaskError("supervisors need a system with POSIX file locks, as Linux or macOS") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
