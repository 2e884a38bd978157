"""Counts of test results, and sample sizes per test and slice."""

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
"""Outcomes of tests that ran without a conclusive result."""


def count_outcomes(results: Sequence[TestResult]) -> dict[str, int]:
    """Return the counts of ``TestResults`` by field name."""
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
    """Return test -> slice -> sample size, ``None`` if unknown.

    Args:
        measurements: Recorded metrics.
        datasets: Test -> its declared data set; metrics on another data set are not its evidence.
    """
    evidence: dict[str, dict[str, int | None]] = {}
    for measurement in measurements:
        if measurement.value is not None and datasets[measurement.test] in {None, measurement.dataset}:
            slices = evidence.setdefault(measurement.test, {})
            known = [n for n in (slices.get(measurement.slice), measurement.n) if n is not None]
            slices[measurement.slice] = max(known) if known else None
    return evidence
