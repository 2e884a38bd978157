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
"""Maximum sample size that is reported as needed."""


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
    """Return the p value of H0: true value ≥ 0, Φ(value/stderr); 1 if ``value`` and ``stderr`` are 0."""
    if stderr == 0:
        return 0.0 if value < 0 else 1.0
    return 0.5 * math.erfc(-value / stderr / math.sqrt(2))


def needed_n(stderr: float, n: int, value: float, threshold: float, confidence: float) -> int | None:
    """Return the smallest n at which the bound would meet ``threshold`` if the estimate stays the same.

    The standard error decreases with the square root of n, so n' = n·(z·stderr / (value - threshold))².

    Returns:
        ``None`` if no n up to ``MOST_EXAMPLES`` suffices, as for an estimate equal to the threshold.
    """
    gap = abs(value - threshold)
    reach = z(confidence) * stderr
    if reach * math.sqrt(n) > gap * math.sqrt(MOST_EXAMPLES) or gap == 0:
        return None
    return max(1, math.ceil(n * (reach / gap) ** 2))


def mde(stderr: float) -> float:
    """Return the smallest effect that a one-sided 5 % test detects with 80 % power, 2.4865·stderr."""
    return (z(0.95) + z(0.8)) * stderr


def standard_error(values: NDArray[np.float64]) -> float | None:
    """Return the standard error sd/√n of the mean of ``values`` (n,), sd with n - 1; ``None`` for n < 2.

    For influence values instead of observations this is the delta-method standard error of the statistic.
    """
    return float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else None


def degenerate_stderr(n: int) -> float:
    """Return a standard error for a sample without variation, such as a perfect F1 over ``n`` examples.

    The delta method gives 0, so that three perfect examples would be certain proof. With this value the 95 %
    normal bound equals the Clopper-Pearson bound for n successes in n trials, 1 - 0.05^(1/n) away.
    """
    return (1 - math.pow(0.05, 1 / n)) / z(0.95)
