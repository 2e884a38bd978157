"""Verdicts on estimates and failure rates against bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from pytest_mlops.checks.base import CheckResult
from pytest_mlops.decision.limits import Limits
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.names import ALL
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "MaxRate",
    "judge_bound",
    "judge_failures",
    "require_bounds",
]

MaxRate = Annotated[float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False)]
"""Maximum share of failed cases."""


def require_bounds(least: float | None, most: float | None) -> None:
    """Validate the options ``min`` and ``max`` of a check.

    Raises:
        ValueError: both are ``None``, or no value can meet both.
    """
    if least is None and most is None:
        raise ValueError("neither min nor max is set; set at least one of them")
    if least is not None and most is not None and least > most:
        raise ValueError(f"min {least:g} is above max {most:g}; no value can meet both")


def judge_bound(
    what: str,
    estimate: Estimate,
    *,
    least: float | None = None,
    most: float | None = None,
    confidence: float | None = None,
    tests: int = 1,
) -> tuple[Verdict, str]:
    """Return the verdict on an estimate, and a message with the numbers behind it.

    Args:
        what: Name of the quantity, for messages.
        estimate: The estimate.
        least: Minimum, if any.
        most: Maximum, if any.
        confidence: One-sided confidence level of the bounds; ``None`` decides by the value.
        tests: Number of tests of which one suffices to fail, as in
            :meth:`~pytest_mlops.decision.limits.Limits.judge`, which decides.

    Raises:
        IncompleteEvidence: the value is undefined, or there is no interval for it.
    """
    limits = Limits(least=least, most=most)
    judged = limits.judge(estimate, confidence, tests=tests)
    if judged.verdict is Verdict.INCOMPLETE:
        raise IncompleteEvidence(f"{what} {judged.hint}")
    shown = f"{what} is {estimate.value:.4g} (n = {estimate.n:,}"
    if judged.interval is not None:
        shown += f", {judged.interval.lower:.4g} to {judged.interval.upper:.4g} at one-sided {confidence:.4g}"
    hint = f"; {judged.hint}" if judged.hint else ""
    return judged.verdict, f"{shown}), must be {limits}{hint}"


def judge_failures(
    title: str,
    failed: NDArray[np.bool_],
    *,
    row: NDArray[np.intp],
    most: float,
    confidence: float | None,
    example: Callable[[int], str],
) -> CheckResult:
    """Return the verdict on a failure rate with exact bounds (Clopper and Pearson).

    Args:
        title: Name of the check.
        failed: Whether each case failed (m,), m ≥ 1.
        row: Index of the original row of each case (m,). Cases of one row are not independent, so a row
            counts once, as failed if any of its cases failed.
        most: Maximum failure rate.
        confidence: One-sided confidence level of the bounds; ``None`` treats the cases as a census.
        example: Takes the index of a failed case, returns a description of the failure.
    """
    rows = np.unique(row)
    bad = np.unique(row[failed])
    rate = Estimate.share(bad.size, rows.size)
    verdict, message = judge_bound("failure rate", rate, most=most, confidence=confidence)
    if bad.size:
        first = int(np.flatnonzero(failed)[0])
        message += f"; {bad.size} failed, the first in row {row[first]}: {example(first)}"
    measured = (f"{title}.failure_rate", ALL, rate)
    return CheckResult(verdict=verdict, message=message, measurements=(measured,))
