"""Killed at every step, switched a hundred times, the README's story: each promise once in full."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks._deployments import ENVIRONMENT, Client, Playground
from benchmarks.crash_deploy import blows, crash
from benchmarks.switches import Reader, both_run, failures_of, sizes, switch
from pytest_mlops.state.lease import acquire
from pytest_mlops.state.steps import FORWARD

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_whichever_process_is_killed_a_verified_version_serves(tmp_path: Path) -> None:
    assert crash(tmp_path / "project", 20, seed=11) == []


def test_blows_fall_at_every_step_where_there_is_room() -> None:
    dealt = list(blows(200, seed=1))
    assert len(dealt) == 200
    assert {blow.step for blow in dealt} >= set(FORWARD)
    assert {blow.victim for blow in dealt} == {"deployer", "supervisor", "both"}
    assert len(list(blows(20, seed=1))) == 20


@pytest.mark.slow
def test_a_hundred_switches_lose_no_request_and_no_reader(playground: Playground) -> None:
    url = playground.up()
    assert playground.deploy("1").success
    assert playground.deploy("2").success
    names = ("production.1", "production.2")
    with acquire(playground.store, ENVIRONMENT, actor="test") as lease:
        both_run(playground, lease, names)
        with Client(url=url) as client, Reader(folder=playground.folder) as reader:
            for number in range(2):  # so that connections to both are open
                switch(playground, lease, names[number % 2], names[1 - number % 2])
            before = sizes(playground)
            for number in range(100):
                reads = reader.reads
                switch(playground, lease, names[number % 2], names[1 - number % 2])
                deadline = time.monotonic() + 60
                while reader.reads == reads:
                    assert time.monotonic() < deadline
                    time.sleep(0.001)
            after = sizes(playground)
    assert client.failures == []
    assert len(client.answers) == 2
    assert reader.reads >= 100
    assert reader.missing == 0
    assert after.processes == before.processes
    assert after.files < before.files + 10  # a file lost in every tenth switch would show


def test_what_wrk_prints_is_read() -> None:
    well = "  3052 requests in 10.00s, 1.2MB read\n"
    assert failures_of(well) == (3052, 0)
    bad = well + "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n"
    assert failures_of(bad) == (3052, 15)


@pytest.mark.slow
def test_the_serving_example_runs_as_its_page_describes(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    script = ROOT / "examples" / "serving" / "run.py"
    done = subprocess.run(
        [sys.executable, str(script), "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "and 0 failed" in done.stdout
    assert "the judge decided to roll back: errors" in done.stdout
    assert re.search(r"All of it took \d+ seconds", done.stdout)
