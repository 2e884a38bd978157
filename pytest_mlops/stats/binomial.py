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


# scipy.special is imported where it is needed: it costs 0.2 s, and a perfect share has a closed form.


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
    """Return the least n whose bound would clear ``threshold``, were the share to stay ``estimate``.

    A share above the threshold has to bring its lower bound up to it, one below its upper bound down to it.
    Successes are taken as the real number ``estimate``·n.

    Returns:
        ``None`` where no n up to ``MOST_EXAMPLES`` would do, as for an estimate on the threshold itself.
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
    """Return the smallest difference to ``share`` that a one-sided 5 % test detects with power 80 %.

    (z.95 + z.80)·√(p(1 - p)/n), the normal approximation at p = ``share``.
    """
    return normal.mde(math.sqrt(share * (1 - share) / trials))


def _clears(share: float, trials: int, threshold: float, alpha: float) -> bool:
    """Tell whether P(X >= share·n | threshold) <= alpha: then the lower bound reaches the threshold."""
    if share >= 1:
        return float(threshold**trials) <= alpha
    from scipy.special import betainc  # noqa: PLC0415

    return float(betainc(share * trials, trials - share * trials + 1, threshold)) <= alpha


def _check(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")


def unseen_share(n: float, confidence: float) -> float:
    """Return the upper confidence bound 1 - (1 - confidence)^(1/n) of a share of which 0 of n were seen.

    Clopper and Pearson's one-sided bound for no success in n trials, about 3/n at 95 %.

    Args:
        n: Number of examples, above 0.
        confidence: One-sided.
    """
    return -math.expm1(math.log1p(-confidence) / n)
