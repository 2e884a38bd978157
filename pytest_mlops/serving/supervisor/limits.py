"""What a replica may use: cores, memory, the threads that libraries make.

Of ``cpu_limit`` whole cores are enforced, by CPU affinity where the system has it (Linux): ``500m`` means one
core, shared with whatever else runs on it. Elsewhere the thread counts are all there is. ``memory_limit`` is
checked once a second, so that a replica may have more for a moment. ``gpu_limit`` is not enforced here.
"""

from __future__ import annotations

import contextlib
import math
import os
from typing import TYPE_CHECKING

import psutil

from pytest_mlops.records.quantity import in_bytes, in_cores

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_mlops.records.environment import EnvironmentConfig

__all__ = ["cores_for", "not_enforced", "over_memory", "thread_counts"]

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "RAYON_NUM_THREADS",
)


def thread_counts(config: EnvironmentConfig) -> dict[str, str]:
    """Return the environment variables that keep libraries from making a thread for every core."""
    return {} if config.cpu_limit is None else dict.fromkeys(_THREADS, str(_whole_cores(config.cpu_limit)))


def cores_for(config: EnvironmentConfig, index: int, available: Iterable[int]) -> frozenset[int] | None:
    """Return the cores that a replica may run on, one replica's beside the next one's; ``None``: all.

    Args:
        config: Of the environment.
        index: Number of the replica.
        available: The cores that there are.
    """
    cores = sorted(available)
    if config.cpu_limit is None or not cores:
        return None
    count = min(_whole_cores(config.cpu_limit), len(cores))
    first = index * count % len(cores)
    return frozenset(cores[(first + offset) % len(cores)] for offset in range(count))


def not_enforced(config: EnvironmentConfig) -> str:
    """Return what is asked for and not enforced, as a message; empty where all is."""
    found = []
    if config.cpu_limit is not None:
        whole = _whole_cores(config.cpu_limit)
        if not hasattr(os, "sched_setaffinity"):
            found.append(
                f"cpu_limit {config.cpu_limit} sets thread counts only, since this system has no affinity"
            )
        elif in_cores(config.cpu_limit) != whole:
            found.append(f"cpu_limit {config.cpu_limit} is kept as {whole} whole core{'s' * (whole > 1)}")
    if config.gpu_limit is not None:
        found.append(f"gpu_limit {config.gpu_limit} is not enforced")
    return "; ".join(found)


def over_memory(config: EnvironmentConfig, process: psutil.Process) -> str | None:
    """Return a message where a process and its children take more memory than they may.

    Resident bytes are added up; what processes share counts for each of them.
    """
    if config.memory_limit is None:
        return None
    taken = 0
    with contextlib.suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                taken += each.memory_info().rss
    if taken <= in_bytes(config.memory_limit):
        return None
    return f"took {taken / 2**20:,.1f} MiB of memory; memory_limit is {config.memory_limit}"


def _whole_cores(limit: str) -> int:
    return math.ceil(in_cores(limit))
