"""The lock that a supervisor holds for as long as it lives."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import ConflictError
from pytest_mlops.serving.supervisor.lock import hold_lock, is_locked, lock_holder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_lock_is_held_once_and_names_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    assert not is_locked(path)
    with hold_lock(path):
        assert is_locked(path)
        holder = lock_holder(path)
        assert holder is not None
        assert holder.pid == os.getpid()
        with pytest.raises(ConflictError, match=f"runs already .process {os.getpid()}"), hold_lock(path):
            pass
    assert not is_locked(path)
    assert lock_holder(path) is None  # whatever its file still says


def test_checking_a_lock_keeps_no_process_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold_lock(path):
        pass
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            is_locked(path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(50):
            with hold_lock(path):
                pass
    finally:
        over.set()
        asking.join()
