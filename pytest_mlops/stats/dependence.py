"""Adjustments of p values for autocorrelation and overdispersion."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats import normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = ["dispersion", "inflated", "variance_factor"]

_MOST = 0.95


def variance_factor(series: ArrayLike) -> float:
    """Return (1 + ρ)/(1 - ρ), by which the variance of a mean exceeds that of independent values.

    ρ is the autocorrelation at lag 1 plus (1 + 3ρ)/n for its bias (Marriott and Pope, Biometrika 41, 1954).
    Below 0 it counts as 0: an alternating series gains nothing.

    Args:
        series: Values (n,) in the order of time; 1 for fewer than 3.
    """
    values = np.asarray(series, dtype=np.float64)
    centred = values - values.mean() if values.size > 2 else np.zeros(1)
    squares = float(np.square(centred).sum())
    if squares == 0:
        return 1.0
    rho = float((centred[1:] * centred[:-1]).sum()) / squares
    rho = min(_MOST, max(0.0, rho + (1 + 3 * rho) / values.size))
    return (1 + rho) / (1 - rho)


def dispersion(series: Sequence[ArrayLike]) -> float:
    """Return how many times a Poisson's variance the counts about their means have, at least 1.

    Args:
        series: Counts per interval, each (n,).
    """
    counts = [
        values
        for values in (np.asarray(each, dtype=np.float64) for each in series)
        if values.size > 1 and values.sum() > 0
    ]
    if not counts:
        return 1.0
    pearson = sum(float(np.square(values - values.mean()).sum() / values.mean()) for values in counts)
    return max(1.0, pearson / sum(values.size - 1 for values in counts))


def inflated(p_value: float, factor: float) -> float:
    """Return the p value whose normal score is smaller by √``factor``, the variance being so much larger.

    A p value of 1/2 and above stays.
    """
    if p_value >= 0.5 or factor <= 1:
        return p_value
    if p_value <= 0:
        return 0.0
    return 0.5 * math.erfc(-normal.z(p_value) / math.sqrt(2 * factor))
