"""Keeps database connections out of forked processes, where their use would corrupt a store."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

from pytest_mlops.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ForkGuard"]

# SQLite's locks belong to a process, and PostgreSQL's socket to one conversation: neither survives a fork.
# So idle connections are closed before one. Those that another thread uses at that moment cannot be, and the
# child may not use that store.


class ForkGuard:
    """Counts the connections of one store in use; enter it while one is.

    Args:
        close_idle: Closes the connections that are not in use.
    """

    def __init__(self, close_idle: Callable[[], None]) -> None:
        self.close_idle = close_idle
        self.count = 0
        self.inherited = False
        _EVERY.add(self)

    def __enter__(self) -> None:
        with _LOCK:
            if self.inherited:
                raise StoreError(
                    "the store was in use when this process was forked; start processes by 'spawn', "
                    "or before the store is used"
                )
            self.count += 1

    def __exit__(self, *exception: object) -> None:
        with _LOCK:
            self.count -= 1


_LOCK = threading.Lock()
_EVERY: WeakSet[ForkGuard] = WeakSet()


def _before() -> None:
    _LOCK.acquire()
    for guard in list(_EVERY):
        if not guard.count:
            guard.close_idle()


def _in_child() -> None:
    for guard in list(_EVERY):
        guard.inherited = guard.count > 0
    _LOCK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_LOCK.release, after_in_child=_in_child)
