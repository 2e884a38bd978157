"""When a process began does not depend on the clock of the day."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from pytest_mlops.state.process_start import process_start_time


def test_it_is_the_systems_own_count() -> None:
    now = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else None
    started = process_start_time(os.getpid())
    assert started is not None
    assert started == process_start_time(os.getpid())
    if sys.platform == "linux" and now is not None:
        assert 0 < started <= now
        assert started == pytest.approx(psutil.Process().create_time() - psutil.boot_time(), abs=1.5)


def test_a_name_with_parentheses_and_blanks_is_read_past() -> None:
    code = (
        "import ctypes, sys; ctypes.CDLL(None).prctl(15, b') 7 (x y'); print(1, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        before = process_start_time(process.pid)
        assert process.stdout is not None
        process.stdout.readline()
        assert process_start_time(process.pid) == before
    finally:
        process.communicate("")
    assert process_start_time(process.pid) is None
