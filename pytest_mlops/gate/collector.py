"""Garbage collection, held off where nothing becomes garbage.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["collector_paused"]


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Hold garbage collection off while much is made that stays and has no cycles.

    Classes of records and a verdict are that; meanwhile each full pass would visit the whole session.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
