"""The test of Brown and Forsythe that one sample spreads more than another (JASA 69, 1974)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["deviation", "p_wider"]


def deviation(values: ArrayLike) -> float:
    """Return the mean absolute deviation from the median; NaN for no values."""
    away = _away(values)
    return float(away.mean()) if away.size else math.nan


def p_wider(first: ArrayLike, second: ArrayLike, ratio: float = 1.0) -> float:
    """Return the one-sided p value of H0: ``first`` deviates at most ``ratio`` times as much as ``second``.

    Student's t of the absolute deviations from the medians, those of ``first`` divided by ``ratio``, with n +
    m - 2 degrees of freedom. At a ratio of 1 its square is the statistic that is known as Levene's with
    medians.

    Args:
        first: Values (n,).
        second: Values (m,).
        ratio: Above 0.

    Returns:
        1 where a sample has fewer than 2 values or nothing varies.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    from scipy.special import stdtr  # noqa: PLC0415 -- costs 0.2 s

    x, y = _away(first) / ratio, _away(second)
    n, m = x.size, y.size
    if min(n, m) < 2:
        return 1.0
    pooled = float(np.square(x - x.mean()).sum() + np.square(y - y.mean()).sum()) / (n + m - 2)
    difference = float(x.mean() - y.mean())
    if pooled == 0:
        return 1.0
    return float(stdtr(n + m - 2, -difference / math.sqrt(pooled * (1 / n + 1 / m))))


def _away(values: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError("expected a list of finite numbers")
    return np.abs(found - np.median(found)) if found.size else found
