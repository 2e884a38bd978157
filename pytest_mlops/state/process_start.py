"""Process start times, on a clock that is never set: they tell apart two processes with one id."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

__all__ = ["process_start_time"]

_START = 22 - 3
"""Where ``/proc/PID/stat`` has it, after the name in parentheses (proc_pid_stat(5), field 22)."""


def process_start_time(pid: int) -> float | None:
    """Return when a process began, in seconds; ``None`` of one that is not there.

    On Linux they count from the start of the machine: psutil's ``create_time`` is reckoned there from the
    clock of the day, and moves whenever that is set, so that a machine that wakes up would take each of its
    processes for another. Elsewhere they count from the epoch, as the system itself keeps them.
    """
    if sys.platform != "linux":
        try:
            return psutil.Process(pid).create_time()
        except (psutil.Error, ValueError, OverflowError):
            return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    ticks = stat.rpartition(")")[2].split()[_START]
    return int(ticks) / os.sysconf("SC_CLK_TCK")
