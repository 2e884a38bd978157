"""The non-inferiority rule: a verdict from a lower bound, a margin and an adjusted p value."""

from __future__ import annotations

import math

from pytest_mlops.verdict import Verdict

__all__ = ["margin_verdict"]


def margin_verdict(
    lower: float | None, p_regression_adjusted: float | None, *, margin: float, alpha_block: float = 0.01
) -> Verdict:
    """Return the verdict on a difference, candidate minus baseline, where higher is better.

    PASS if the lower bound exceeds -margin; this is checked first, so that a candidate which is significantly
    worse but within the margin passes. Otherwise FAIL if there is a significant regression, else UNDECIDED.
    INCOMPLETE if either number is missing or NaN.

    Args:
        lower: One-sided lower bound of the difference.
        p_regression_adjusted: P value of H0: no loss, adjusted for the family of tests.
        margin: Allowed loss in units of the metric, at least 0.
        alpha_block: Level of the family-wise error of a false FAIL.

    Raises:
        ValueError: ``margin`` is negative or not finite.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin is {margin}; expected the allowed loss as a finite number of at least 0")
    if (
        lower is None
        or p_regression_adjusted is None
        or math.isnan(lower)
        or math.isnan(p_regression_adjusted)
    ):
        return Verdict.INCOMPLETE
    if lower > -margin:
        return Verdict.PASS
    return Verdict.FAIL if p_regression_adjusted <= alpha_block else Verdict.UNDECIDED
