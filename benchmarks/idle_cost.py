"""What an installed but unused pytest-mlops costs every pytest run.

``python -m benchmarks.idle_cost`` measures two things and exits with 1 if a limit does not hold:

- the time that ``-X importtime`` gives to our own modules in an idle run, self times added up;
- 1,000 trivial tests with the plugin idle against the same with ``-p no:mlops``, whole process, paired.
  The plugin comes in through its entry point, as it does for users; all other plugins are blocked in both.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._limits import Finding, report
from benchmarks._pairs import interleave, ratio
from benchmarks._projects import pytest_command, write_plain_tests

IMPORT_LIMIT_MS = 5.0
RUN_LIMIT = 1.02
# By statement: pytest loads entry points through importlib, which -X importtime does not see.
STATEMENT = "import pytest, pytest_mlops.plugin, pytest_mlops.hookspecs"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+pytest_mlops")


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.idle_cost", description="Cost of the idle plugin."
    )
    parser.add_argument("--rounds", type=int, default=15, help="measured rounds (default: 15)")
    parser.add_argument("--tests", type=int, default=1000, help="trivial tests a run (default: 1000)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 100 tests: does it run at all")
    options = parser.parse_args(argv)
    rounds, tests = (3, 100) if options.quick else (options.rounds, options.tests)
    with tempfile.TemporaryDirectory() as name:
        folder = write_plain_tests(Path(name) / "plain", tests)
        return report([_imports(rounds), *_runs(folder, rounds, tests)])


def _imports(rounds: int) -> Finding:
    milliseconds = [_import_milliseconds() for _ in range(rounds)]
    return Finding(
        what="import of our idle modules, ms",
        value=statistics.median(milliseconds),
        low=min(milliseconds),
        high=max(milliseconds),
        limit=IMPORT_LIMIT_MS,
    )


def _import_milliseconds() -> float:
    """Add up what Python itself says our modules took, without what they import from elsewhere."""
    command = [sys.executable, "-X", "importtime", "-c", STATEMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = _LINE.findall(done.stderr)
    if not found:
        raise RuntimeError(f"no module of ours in what -X importtime printed:\n{done.stderr[-1000:]}")
    return sum(map(int, found)) / 1000


def _runs(folder: Path, rounds: int, tests: int) -> list[Finding]:
    commands = {"idle": pytest_command(folder), "without": pytest_command(folder, "-p", "no:mlops")}
    costs = interleave(commands, rounds)
    cpu = ratio([cost.cpu for cost in costs["idle"]], [cost.cpu for cost in costs["without"]])
    wall = ratio([cost.wall for cost in costs["idle"]], [cost.wall for cost in costs["without"]])
    what = f"{tests:,} trivial tests, idle / -p no:mlops"
    return [
        Finding(what=f"{what}, CPU", value=cpu.median, low=cpu.low, high=cpu.high, limit=RUN_LIMIT),
        Finding(what=f"{what}, wall", value=wall.median, low=wall.low, high=wall.high),
    ]


if __name__ == "__main__":
    sys.exit(main())
