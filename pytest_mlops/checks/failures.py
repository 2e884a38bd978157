"""The share of cases in which a model does not behave, held against the share that may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from pytest_mlops.checks.base import CheckResult
from pytest_mlops.checks.bounds import judge_bound
from pytest_mlops.names import ALL
from pytest_mlops.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["MaxRate", "judge_failures"]

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
