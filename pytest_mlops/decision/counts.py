"""Counting test results."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_mlops.records.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.results import TestResult

__all__ = ["UNSETTLED", "count_outcomes"]

UNSETTLED = frozenset({Outcome.FLAKY, Outcome.UNDECIDED})
"""Outcomes of tests that ran and settled nothing."""


def count_outcomes(results: Sequence[TestResult]) -> dict[str, int]:
    """Return the counts of ``TestResults``, by the names of its fields."""
    counts = Counter(result.outcome for result in results)
    return {
        "total_tests": len(results),
        "passed_tests": counts[Outcome.PASSED] + counts[Outcome.XPASSED],
        "failed_tests": counts[Outcome.FAILED] + counts[Outcome.XFAILED],
        "errored_tests": counts[Outcome.ERRORED] + counts[Outcome.CRASHED],
        "skipped_tests": counts[Outcome.SKIPPED],
        "deselected_tests": counts[Outcome.DESELECTED],
        "undecided_tests": sum(counts[outcome] for outcome in UNSETTLED),
        "incomplete_tests": counts[Outcome.INCOMPLETE],
        "not_run_tests": counts[Outcome.NOT_RUN],
    }
