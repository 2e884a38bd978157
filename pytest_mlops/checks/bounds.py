"""Holding an estimate against bounds, by its value or by its confidence bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from pytest_mlops.checks.base import CheckResult
from pytest_mlops.decision.limits import Limits
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.names import ALL
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.interval import Interval, bounds
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "MaxRate",
    "judge_bound",
    "judge_failures",
]


def judge_bound(
    what: str,
    estimate: Estimate,
    *,
    least: float | None = None,
    most: float | None = None,
    confidence: float | None = None,
    tests: int = 1,
) -> tuple[Verdict, str]:
    """Return the verdict on an estimate, and its sentence.

    Without ``confidence`` the value decides, inclusively and in decimal. With it, PASS needs the one-sided
    bound to keep the limit, FAIL needs the opposite bound to miss it, and between them it is UNDECIDED.
    Where one of several ``tests`` is enough to FAIL, each may err with a share of 1 - ``confidence`` only,
    which is Bonferroni's bound and the first step of Holm's.

    Raises:
        IncompleteEvidence: the value is undefined, or no interval is known for it.
    """
    if estimate.value is None:
        raise IncompleteEvidence(f"{what} is undefined: {estimate.undefined}")
    limits = Limits(least=least, most=most)
    shown = f"{what} is {estimate.value:.4g} (n = {estimate.n:,}"
    if confidence is None:
        return limits.judge(
            Interval(lower=estimate.value, upper=estimate.value)
        ), f"{shown}), must be {limits}"
    interval = _interval(what, estimate, confidence)
    widest = bounds(estimate, 1 - (1 - confidence) / tests) if tests > 1 else interval
    verdict = limits.judge(interval, widest or Interval(lower=-math.inf, upper=math.inf))
    shown += f", {interval.lower:.4g} to {interval.upper:.4g} at one-sided {confidence:.4g})"
    sentence = f"{shown}, must be {limits}"
    if verdict is Verdict.UNDECIDED:
        needed = limits.needed_n(estimate, confidence)
        sentence += f"; needs n ≈ {needed:,}" if needed is not None else "; the value stands at the limit"
    return verdict, sentence


def _interval(what: str, estimate: Estimate, confidence: float) -> Interval:
    interval = bounds(estimate, confidence)
    if interval is None:
        raise IncompleteEvidence(f"no bound at {confidence:g} is known for {what} with n = {estimate.n:,}")
    return interval


MaxRate = Annotated[float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False)]
"""Share of cases that may fail."""


def judge_failures(
    title: str,
    failed: NDArray[np.bool_],
    *,
    row: NDArray[np.intp],
    most: float,
    confidence: float | None,
    example: Callable[[int], str],
) -> CheckResult:
    """Return the verdict on a failure rate, exact after Clopper and Pearson.

    Args:
        title: Name of the check.
        failed: Whether the case failed (m ≥ 1,).
        row: The original row of each case (m,): cases of one row are no independent evidence, so a row counts
            once, as failed if any of its cases is.
        most: Greatest rate that holds.
        confidence: Of the one-sided bounds; ``None`` where the cases are all there are.
        example: Takes the number of a failed case, says what happened in it.
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
