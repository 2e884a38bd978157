"""What a replica may use: cores, threads, memory."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from pytest_mlops.records.environment import EnvironmentConfig
from pytest_mlops.serving.supervisor import limits
from pytest_mlops.serving.supervisor.limits import cores_for, not_enforced, over_memory, thread_counts


@pytest.mark.parametrize(
    ("limit", "index", "cores"),
    [
        (None, 0, None),
        ("500m", 0, {2}),
        ("500m", 1, {3}),
        ("2", 1, {5, 7}),
        ("3", 1, {7, 2, 3}),
        ("64", 0, {2, 3, 5, 7}),
    ],
)
def test_replicas_take_their_cores_one_beside_the_other(
    limit: str | None, index: int, cores: set[int] | None
) -> None:
    found = cores_for(EnvironmentConfig(cpu_limit=limit), index, [7, 5, 3, 2])
    assert found == cores


def test_libraries_make_as_many_threads_as_there_are_cores() -> None:
    assert thread_counts(EnvironmentConfig()) == {}
    counts = thread_counts(EnvironmentConfig(cpu_limit="1500m"))
    assert set(counts.values()) == {"2"}
    assert "OMP_NUM_THREADS" in counts


def test_what_is_not_enforced_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not_enforced(EnvironmentConfig(cpu_limit="2", memory_limit="1Gi")) == ""
    assert not_enforced(EnvironmentConfig(cpu_limit="1500m")) == "cpu_limit 1500m is kept as 2 whole cores"
    assert not_enforced(EnvironmentConfig(gpu_limit="1")) == "gpu_limit 1 is not enforced"
    monkeypatch.delattr(os, "sched_setaffinity")
    assert "sets thread counts only" in not_enforced(EnvironmentConfig(cpu_limit="2"))


def test_memory_of_what_is_gone_is_none_too_much() -> None:
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process = psutil.Process(gone.pid)
    gone.wait()
    assert over_memory(EnvironmentConfig(memory_limit="1k"), process) is None
    assert limits.over_memory(EnvironmentConfig(), psutil.Process()) is None
    assert over_memory(EnvironmentConfig(memory_limit="1k"), psutil.Process()) is not None
