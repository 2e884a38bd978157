"""The benchmark of the comparison holds what the specification asks for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMED = ("10,000 replicates", "S8 10,000 replicates")


@pytest.mark.slow
def test_every_rate_of_the_benchmark_keeps_its_limit() -> None:
    command = [sys.executable, "-W", "error", "-m", "benchmarks.operating_characteristics"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    lines = [
        line.split(" | ") for line in done.stdout.splitlines() if line.endswith((" holds |", " BROKEN |"))
    ]
    rates = {line[0].removeprefix("| "): line[-1] for line in lines if not line[0][2:].startswith(TIMED)}
    assert len(rates) == 10
    assert set(rates.values()) == {"holds |"}
