"""Paired runs of commands: variants take turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Command", "Cost", "Ratio", "interleave", "ratio", "run"]

MIB_PER_UNIT = 1 / 2**20 if sys.platform == "darwin" else 1 / 2**10
"""``ru_maxrss`` counts bytes on macOS and KiB elsewhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command line and the folder it is run in."""

    arguments: tuple[str, ...]
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What one process used; times include those of processes it waited for.

    Attributes:
        cpu: User and system time, in seconds.
        wall: Time from start to end, in seconds.
        peak: Largest resident memory, in MiB.
    """

    cpu: float
    wall: float
    peak: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """Median, smallest and largest of the ratios of paired runs."""

    median: float
    low: float
    high: float


def run(command: Command) -> Cost:
    """Run a command to its end and measure it.

    Raises:
        RuntimeError: it did not exit with 0; the message carries the end of what it printed.
    """
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        # A child's peak is never below its parent's size at the fork, so this process imports little.
        child = subprocess.Popen(command.arguments, cwd=command.folder, stdout=output, stderr=output)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(command.arguments)} exited with {child.returncode}:\n{said}")
    return Cost(cpu=used.ru_utime + used.ru_stime, wall=wall, peak=used.ru_maxrss * MIB_PER_UNIT)


def interleave(commands: Mapping[str, Command], rounds: int) -> dict[str, list[Cost]]:
    """Run every command once a round, each round beginning with the next one; a first round goes unmeasured.

    Args:
        commands: Name -> command.
        rounds: Measured rounds, at least 1.

    Returns:
        Name -> costs, one per round, so that equal positions are pairs.
    """
    names = list(commands)
    for command in commands.values():  # writes the byte code and fills the file cache
        run(command)
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            costs[name].append(run(commands[name]))
    return costs


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
    """Return the median and the spread of ``numerators[i] / denominators[i]``, one pair per round."""
    ratios = [above / below for above, below in zip(numerators, denominators, strict=True)]
    return Ratio(median=statistics.median(ratios), low=min(ratios), high=max(ratios))
