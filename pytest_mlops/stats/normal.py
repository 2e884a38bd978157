"""Normal approximation: bounds of an estimate from its standard error."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "MOST_EXAMPLES",
    "degenerate_stderr",
    "lower_bound",
    "mde",
    "needed_n",
    "p_below",
    "standard_error",
    "upper_bound",
    "z",
]

MOST_EXAMPLES = 10**12
"""Above this a needed number of examples is no advice any more."""


def z(level: float) -> float:
    """Return the standard normal quantile at ``level``."""
    return NormalDist().inv_cdf(level)


def lower_bound(value: float, stderr: float, confidence: float) -> float:
    """Return the one-sided lower bound ``value - z·stderr``."""
    return value - z(confidence) * stderr


def upper_bound(value: float, stderr: float, confidence: float) -> float:
    """Return the one-sided upper bound ``value + z·stderr``."""
    return value + z(confidence) * stderr


def p_below(value: float, stderr: float) -> float:
    """Return the p value of H0: true value ≥ 0, Φ(value/stderr); 1 for a ``value`` of 0 without spread."""
    if stderr == 0:
        return 0.0 if value < 0 else 1.0
    return 0.5 * math.erfc(-value / stderr / math.sqrt(2))


def needed_n(stderr: float, n: int, value: float, threshold: float, confidence: float) -> int | None:
    """Return the least n at which the bound would clear ``threshold``, were the estimate to stay what it is.

    The standard error shrinks with the square root of n, so n' = n·(z·stderr / (value - threshold))².

    Returns:
        ``None`` where no n up to ``MOST_EXAMPLES`` would do, as for an estimate on the threshold itself.
    """
    gap = abs(value - threshold)
    reach = z(confidence) * stderr
    if reach * math.sqrt(n) > gap * math.sqrt(MOST_EXAMPLES) or gap == 0:
        return None
    return max(1, math.ceil(n * (reach / gap) ** 2))


def mde(stderr: float) -> float:
    """Return the smallest effect that a one-sided test at 5 % detects with power 80 %: 2.4865·stderr."""
    return (z(0.95) + z(0.8)) * stderr


def standard_error(values: NDArray[np.float64]) -> float | None:
    """Return the standard error sd/√n of the mean of ``values`` (n,), sd with n - 1; ``None`` for n < 2.

    Of influence values instead of observations it is the delta-method standard error of the statistic.
    """
    return float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else None


def degenerate_stderr(n: int) -> float:
    """Return the standard error to state where all ``n`` examples turned out alike, as in a perfect F1.

    The delta method says 0 there, which would make three flawless examples certain proof. This value puts the
    95 % normal bound where Clopper and Pearson put it for n successes in n trials: 1 - 0.05^(1/n) away.
    """
    return (1 - math.pow(0.05, 1 / n)) / z(0.95)
