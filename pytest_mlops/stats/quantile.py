"""Quantiles with distribution-free bounds (David and Nagaraja, Order Statistics, section 7.1)."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["LEVELS", "lower_rank", "quantile", "quantile_bounds", "quantile_estimate", "upper_rank"]

LEVELS = (0.9, 0.95, 0.975, 0.99, 0.999)
"""One-sided confidence levels of the recorded bounds."""


def upper_rank(n: int, q: float, level: float) -> int | None:
    """Return the smallest rank r with P(X_(r) >= q-quantile) >= ``level``; ``None`` if n is too small.

    Ranks count from 1. P(X_(r) >= x_q) = BinCDF(r - 1; n, q) for a continuous distribution, and at least
    that for any other.
    """
    below = bisect_left(range(n), level, key=lambda k: _binomial_cdf(k, n, q))
    return below + 1 if below < n else None


def lower_rank(n: int, q: float, level: float) -> int | None:
    """Return the largest rank r with P(X_(r) <= q-quantile) >= ``level``; ``None`` if n is too small."""
    return bisect_right(range(n), 1 - level, key=lambda k: _binomial_cdf(k, n, q)) or None


def quantile(values: NDArray[np.float64], q: float) -> float:
    """Return the q-quantile of sorted ``values`` (n,), n ≥ 1, the order statistic of rank ⌈q·n⌉."""
    # In decimal, since 0.07 * 100 is 7.000000000000001 in binary.
    rank = math.ceil(Decimal(str(q)) * values.size)
    return float(values[max(rank, 1) - 1])


def quantile_bounds(
    values: NDArray[np.float64], q: float, levels: Iterable[float] = LEVELS
) -> tuple[dict[str, float], dict[str, float]]:
    """Return one-sided lower and upper bounds of the q-quantile, by level such as ``0.95``.

    Args:
        values: Sorted sample (n,).
        q: Quantile level in (0, 1).
        levels: One-sided confidence levels; levels that need a larger n are omitted.
    """
    lower: dict[str, float] = {}
    upper: dict[str, float] = {}
    for level in levels:
        if (rank := lower_rank(values.size, q, level)) is not None:
            lower[f"{level:g}"] = float(values[rank - 1])
        if (rank := upper_rank(values.size, q, level)) is not None:
            upper[f"{level:g}"] = float(values[rank - 1])
    return lower, upper


def quantile_estimate(values: NDArray[np.float64], q: float) -> Estimate:
    """Return the q-quantile of ``values`` (n,), n ≥ 1, in any order, with its bounds at all ``LEVELS``."""
    ordered = np.sort(values)
    lower, upper = quantile_bounds(ordered, q)
    return Estimate(value=quantile(ordered, q), n=ordered.size, quantile=q, lower=lower, upper=upper)


def _binomial_cdf(k: int, n: int, q: float) -> float:
    # Imported here, since it takes 0.2 s and only quantiles need it.
    from scipy.special import bdtr  # noqa: PLC0415

    return float(bdtr(k, n, q))
