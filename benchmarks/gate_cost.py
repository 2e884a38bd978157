"""What the gate costs on runs of many model tests, next to bare pytest and to ``--junitxml``.

``python -m benchmarks.gate_cost`` exits with 1 if a limit does not hold. Whole processes are measured, from
the start of Python to the written record. The variants take turns on the same interpreter, with every other
plugin blocked; a ratio is taken within a round, and the median over the rounds is held against the limit.

- ``bare``: trivial parametrised tests with the ``model_test`` marker, ``-p no:mlops``
- ``junitxml``: the same with ``--junitxml``
- ``gate``: the same with ``--mlops-gate``
- ``metric``: with ``--mlops-gate``, and each test records one number of its own name

``gate - bare`` of ten tests is what the gate costs to start, in seconds of the processor.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks._limits import Finding, report
from benchmarks._pairs import interleave, ratio
from benchmarks._projects import pytest_command, write_model_tests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks._pairs import Command, Cost

START_LIMIT = 0.25
BARE_LIMIT, JUNIT_LIMIT, METRIC_LIMIT = 1.10, 1.05, 1.5
LINEAR_LIMIT = 1.1
MEMORY_LIMIT = 1.3
FEW = 10
"""Tests of the runs that cost little but their start."""
START_ROUNDS = 3
"""Rounds of those runs for each of the others."""
LARGE = 5
"""How many times as many tests the larger run has."""


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate_cost", description="Cost of the gate.")
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds (default: 7)")
    parser.add_argument(
        "--tests", type=int, default=10_000, help="tests a run, and five times as many (default: 10000)"
    )
    parser.add_argument("--quick", action="store_true", help="1 round of 500 tests: does it run at all")
    options = parser.parse_args(argv)
    rounds, tests = (1, 500) if options.quick else (options.rounds, options.tests)
    with tempfile.TemporaryDirectory() as name:
        start = interleave(_commands(Path(name) / "few", FEW, with_metrics=False), START_ROUNDS * rounds)
        small = interleave(_commands(Path(name) / "small", tests, with_metrics=True), rounds)
        large = interleave(
            _commands(Path(name) / "large", LARGE * tests, with_metrics=False), max(1, rounds // 2)
        )
    return report(
        [_start(start), *_times(small, tests), *_growth(small, large, tests), *_peaks(small, large, tests)]
    )


def _commands(folder: Path, tests: int, *, with_metrics: bool) -> dict[str, Command]:
    folder.mkdir()
    trivial = write_model_tests(folder / "trivial", tests, metrics=False)
    gate = ("--mlops-gate", "--mlops-context=local")
    commands = {
        "bare": pytest_command(trivial, "-p", "no:mlops"),
        "junitxml": pytest_command(trivial, "-p", "no:mlops", "--junitxml=junit.xml"),
        "gate": pytest_command(trivial, *gate),
    }
    if with_metrics:
        metric = write_model_tests(folder / "metric", tests, metrics=True)
        commands["metric"] = pytest_command(metric, *gate)
    return commands


def _start(costs: Mapping[str, Sequence[Cost]]) -> Finding:
    bare = costs["bare"]
    seconds = [gate.cpu - alone.cpu for gate, alone in zip(costs["gate"], bare, strict=True)]
    return Finding(
        what=f"{FEW} tests, gate - bare, CPU seconds",
        value=median(seconds),
        low=min(seconds),
        high=max(seconds),
        limit=START_LIMIT,
    )


def _cpu(costs: Sequence[Cost]) -> list[float]:
    return [cost.cpu for cost in costs]


def _finding(
    what: str, above: Sequence[float], below: Sequence[float], limit: float | None = None
) -> Finding:
    found = ratio(above, below)
    return Finding(what=what, value=found.median, low=found.low, high=found.high, limit=limit)


def _times(costs: Mapping[str, Sequence[Cost]], tests: int) -> list[Finding]:
    pairs = [
        ("junitxml", "bare", None),
        ("gate", "bare", BARE_LIMIT),
        ("gate", "junitxml", JUNIT_LIMIT),
        ("metric", "bare", METRIC_LIMIT),
    ]
    findings = [
        _finding(f"{tests:,} tests, {above} / {below}, CPU", _cpu(costs[above]), _cpu(costs[below]), limit)
        for above, below, limit in pairs
    ]
    wall = {name: [cost.wall for cost in found] for name, found in costs.items()}
    return findings + [
        _finding(f"{tests:,} tests, {above} / {below}, wall", wall[above], wall[below])
        for above, below, _ in pairs
    ]


def _growth(
    small: Mapping[str, Sequence[Cost]], large: Mapping[str, Sequence[Cost]], tests: int
) -> list[Finding]:
    """Compare the CPU time per test of the large run with that of the small one, bare pytest's beside it."""
    findings = []
    for name, limit in (("bare", None), ("gate", LINEAR_LIMIT)):
        rounds = len(large[name])
        per_test = [cpu / LARGE for cpu in _cpu(large[name])]
        what = f"time a test, {LARGE * tests:,} / {tests:,} tests, {name}"
        findings.append(_finding(what, per_test, _cpu(small[name])[:rounds], limit))
    return findings


def _peaks(
    small: Mapping[str, Sequence[Cost]], large: Mapping[str, Sequence[Cost]], tests: int
) -> list[Finding]:
    findings = []
    for count, costs in ((tests, small), (LARGE * tests, large)):
        peaks = {name: [cost.peak for cost in found] for name, found in costs.items()}
        what = f"{count:,} tests, gate / junitxml, peak memory"
        findings.append(_finding(what, peaks["gate"], peaks["junitxml"], MEMORY_LIMIT))
    return findings


if __name__ == "__main__":
    sys.exit(main())
