"""Exact binomial bounds after Clopper and Pearson (Biometrika 26, 1934)."""

from __future__ import annotations

import math

from pytest_mlops.stats import normal

__all__ = [
    "lower_bound",
    "mde",
    "needed_n",
    "unseen_share",
    "upper_bound",
]


# scipy.special is imported where it is needed: the import takes 0.2 s, and shares of 0 or 1 need none.


def lower_bound(successes: int, trials: int, confidence: float) -> float:
    """Return the one-sided lower bound of a share: BetaInv(1 - confidence; k, n - k + 1), and 0 for k = 0.

    Raises:
        ValueError: ``successes`` does not lie in 0..``trials``.
    """
    _check(successes, trials)
    if successes == 0:
        return 0.0
    if successes == trials:
        return float((1 - confidence) ** (1 / trials))
    from scipy.special import betaincinv  # noqa: PLC0415

    return float(betaincinv(successes, trials - successes + 1, 1 - confidence))


def upper_bound(successes: int, trials: int, confidence: float) -> float:
    """Return the one-sided upper bound of a share: BetaInv(confidence; k + 1, n - k), and 1 for k = n.

    Raises:
        ValueError: ``successes`` does not lie in 0..``trials``.
    """
    _check(successes, trials)
    return 1 - lower_bound(trials - successes, trials, confidence)


def needed_n(estimate: float, threshold: float, confidence: float) -> int | None:
    """Return the smallest n whose confidence bound would meet ``threshold`` if the share stays ``estimate``.

    Above the threshold the lower bound must reach it, below the threshold the upper bound. The number of
    successes is taken as the real number ``estimate``·n.

    Returns:
        ``None`` if no n up to ``MOST_EXAMPLES`` suffices, as for an estimate equal to the threshold.
    """
    if estimate == threshold:
        return None
    if estimate < threshold:
        return needed_n(1 - estimate, 1 - threshold, confidence)
    share, bar, alpha = estimate, max(threshold, 0.0), 1 - confidence
    most = 1
    while not _clears(share, most, bar, alpha):
        most *= 2
        if most > normal.MOST_EXAMPLES:
            return None
    least = most // 2  # fails, or is 0
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if _clears(share, middle, bar, alpha) else (middle, most)
    return most


def mde(share: float, trials: int) -> float:
    """Return the smallest difference from ``share`` that a one-sided 5 % test detects with 80 % power.

    (z.95 + z.80)·√(p(1 - p)/n), the normal approximation at p = ``share``.
    """
    return normal.mde(math.sqrt(share * (1 - share) / trials))


def _clears(share: float, trials: int, threshold: float, alpha: float) -> bool:
    """Return whether P(X >= share·n | threshold) <= alpha, so that the lower bound meets the threshold."""
    if share >= 1:
        return float(threshold**trials) <= alpha
    from scipy.special import betainc  # noqa: PLC0415

    return float(betainc(share * trials, trials - share * trials + 1, threshold)) <= alpha


def _check(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"got {successes} successes in {trials} trials; expected at most as many")


def unseen_share(n: float, confidence: float) -> float:
    """Return 1 - (1 - confidence)^(1/n), the upper Clopper-Pearson bound for 0 successes in n trials.

    About 3/n at 95 %. Unlike :func:`upper_bound` it takes a real ``n``.

    Args:
        n: Number of trials, above 0.
        confidence: One-sided confidence level.
    """
    return -math.expm1(math.log1p(-confidence) / n)
