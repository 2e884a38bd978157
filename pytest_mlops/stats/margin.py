"""The margin rule: what a lower bound and an adjusted p value say about a candidate."""

from __future__ import annotations

import math

from pytest_mlops.verdict import Verdict

__all__ = ["margin_verdict"]


def margin_verdict(
    lower: float | None, p_regression_adjusted: float | None, *, margin: float, alpha_block: float = 0.01
) -> Verdict:
    """Decide on a difference, candidate minus baseline, that is better the higher.

    PASS where the lower bound exceeds -margin; this comes first, so that a candidate which is provably worse
    but provably within the margin passes. Else FAIL where a regression is shown. Else UNDECIDED. INCOMPLETE
    where either number is missing or NaN.

    Args:
        lower: One-sided lower bound of the difference.
        p_regression_adjusted: P value of the hypothesis that there is no loss, adjusted for its family.
        margin: The loss that is allowed, in units of the metric, 0 or more.
        alpha_block: Chance of a false FAIL that the family may have.

    Raises:
        ValueError: ``margin`` is negative or not finite.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin is {margin}, expected the allowed loss as a number of 0 or more")
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
