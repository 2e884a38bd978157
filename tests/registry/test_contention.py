"""Many processes at one alias, and a process that dies: nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_three_processes_lose_no_move(store_url: str) -> None:
    output = run("benchmarks.alias_contention", "--url", store_url, "--processes", "3", "--moves", "10")
    assert output.startswith("30 moves")


@pytest.mark.slow
def test_sixteen_processes_lose_no_move(store_url: str) -> None:
    output = run("benchmarks.alias_contention", "--url", store_url, "--processes", "16", "--moves", "100")
    assert output.startswith("1,600 moves")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_what_was_acknowledged_survives_twenty_crashes() -> None:
    assert "20 crashes" in run("benchmarks.crash_registry", "--rounds", "20")


def test_a_history_with_a_gap_would_be_noticed(tmp_path: Path) -> None:
    from benchmarks.alias_contention import contend, find_problems
    from pytest_mlops.store.engine import open_store
    from pytest_mlops.store.schema import alias_moves

    url = f"sqlite:///{tmp_path / 'store.db'}"
    found = contend(url, processes=1, moves=5)
    assert found.problems == ()
    with open_store(url) as store, store.write() as connection:
        connection.execute(alias_moves.delete().where(alias_moves.c.revision == 3))
    versions = dict.fromkeys(range(1, 6), "worker-0")
    assert len(find_problems(url, versions, expected=5)) == 3


def test_a_lost_write_would_be_noticed(tmp_path: Path) -> None:
    from benchmarks.crash_registry import inspect

    (problem,) = inspect(tmp_path, [{"run": "never"}])
    assert "never recorded" in problem
    assert len(inspect(tmp_path, [{"version": "9", "digest": "0" * 64}, {"revision": 3}])) == 2
