"""What the surfaces of a large failing record cost, in seconds, characters and bytes, next to their limits.

``python -m benchmarks.surface_cost`` exits with 1 if a limit does not hold. In the record 5,000 rules fail,
and 40 of 2,000 tests; 5,000 thresholds were loosened. Each round renders comment, job summary, check run and
annotations; what is counted is seconds of the processor, which others do not lengthen much.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks._limits import Finding, report
from benchmarks.report_cost import large_record
from pytest_mlops.github.annotations import annotations_of
from pytest_mlops.github.policy_changes import Effect, PolicyChange
from pytest_mlops.github.render import (
    COMMENT_CHARACTERS,
    OUTPUT_BYTES,
    SUMMARY_BYTES,
    fit_bytes,
    render,
)
from pytest_mlops.github.ruling import Ruling
from pytest_mlops.github.runner import workflow_commands
from pytest_mlops.github.source_location import SourceLocator

SECONDS_LIMIT = 1.0
BOUND = 0.99999
"""What no rule's estimate reaches."""


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.surface_cost", description="Cost of comment, summary and annotations."
    )
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds (default: 7)")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ruling = failing_ruling(folder)
        rounds = [timed(ruling, folder) for _ in range(options.rounds)]
    seconds = [taken for taken, _, _, _ in rounds]
    _, comment, summary, output = rounds[0]
    sizes = (
        ("comment, characters", len(comment), COMMENT_CHARACTERS),
        ("job summary, bytes", len(summary.encode()), SUMMARY_BYTES),
        ("check run, bytes", len(output.encode()), OUTPUT_BYTES),
    )
    cost = Finding(
        what=f"all of them, CPU seconds / {SECONDS_LIMIT:g}",
        value=median(seconds) / SECONDS_LIMIT,
        low=min(seconds) / SECONDS_LIMIT,
        high=max(seconds) / SECONDS_LIMIT,
        limit=1,
    )
    return report([cost, *(sized(*size) for size in sizes)])


def failing_ruling(folder: Path) -> Ruling:
    """Return a ruling on a record in which every rule fails."""
    record = large_record(folder, bound=BOUND)
    change = PolicyChange(effect=Effect.LOOSENED, text="min of rule accuracy is 0.9, was 0.99")
    changes = (change,) * len(record.rules)
    return Ruling(verdict=record.verdict, decision=record.decision, record=record, changes=changes)


def timed(ruling: Ruling, folder: Path) -> tuple[float, str, str, str]:
    """Return the seconds of the processor that all surfaces took, and comment, summary and check run."""
    assert ruling.record is not None
    start = time.process_time()
    comment = render(ruling, budget=COMMENT_CHARACTERS)
    summary = fit_bytes(lambda budget: render(ruling, budget=budget), SUMMARY_BYTES)
    output = fit_bytes(lambda budget: render(ruling, budget=budget), OUTPUT_BYTES)
    workflow_commands(annotations_of(ruling.record, SourceLocator(folder, (folder,), "mlops.yaml")))
    return time.process_time() - start, comment, summary, output


def sized(what: str, size: int, limit: int) -> Finding:
    """Return a size as a share of its limit."""
    share = size / limit
    return Finding(what=f"{what} / {limit:,}", value=share, low=share, high=share, limit=1)


if __name__ == "__main__":
    sys.exit(main())
