"""Counting test results, and the examples their numbers rest on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_mlops.records.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_mlops.records.measurement import Measurement
    from pytest_mlops.records.results import TestResult

__all__ = ["UNSETTLED", "count_outcomes", "evidence_of"]

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


def evidence_of(
    measurements: Iterable[Measurement], datasets: Mapping[str, str | None]
) -> dict[str, dict[str, int | None]]:
    """Return test -> slice -> examples that its numbers rest on, ``None`` where unknown.

    Args:
        measurements: What the tests recorded.
        datasets: Test -> the data set it says it measures on; numbers of another are no evidence of its.
    """
    evidence: dict[str, dict[str, int | None]] = {}
    for measurement in measurements:
        if measurement.value is not None and datasets[measurement.test] in {None, measurement.dataset}:
            slices = evidence.setdefault(measurement.test, {})
            known = [n for n in (slices.get(measurement.slice), measurement.n) if n is not None]
            slices[measurement.slice] = max(known) if known else None
    return evidence
