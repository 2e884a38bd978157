"""The rank-sum test of a shift between two samples, exact for few values with ties as they are.

Wilcoxon (Biometrics Bulletin 1, 1945), Mann and Whitney (Annals of Mathematical Statistics 18, 1947). The
exact distribution counts the ways to deal the pooled midranks out; above ``EXACT`` values it is the normal
one with the variance of the midranks and a correction for continuity.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["EXACT", "p_greater", "shift"]

EXACT = 60
"""Most values of both samples together that are enumerated."""


def p_greater(first: ArrayLike, second: ArrayLike) -> float:
    """Return the one-sided p value of H0: ``first`` is not shifted up against ``second``.

    Args:
        first: Values (n,).
        second: Values (m,).

    Returns:
        1 where either sample is empty or all values are equal.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    x, y = _finite(first), _finite(second)
    if not x.size or not y.size:
        return 1.0
    doubled = _doubled_midranks(np.concatenate([x, y]))
    observed = int(doubled[: x.size].sum())
    if doubled.size <= EXACT:
        return _exact(doubled, x.size, observed)
    spread = float(np.square(doubled - doubled.mean()).sum())
    n, m = x.size, y.size
    variance = n * m * spread / ((n + m) * (n + m - 1))
    if variance == 0:
        return 1.0
    z = (observed - n * float(doubled.mean()) - 1) / math.sqrt(variance)
    return 0.5 * math.erfc(z / math.sqrt(2))


def shift(first: ArrayLike, second: ArrayLike) -> float:
    """Return the median of all differences ``first`` minus ``second`` (Hodges and Lehmann, 1963)."""
    return float(np.median(np.subtract.outer(_finite(first), _finite(second))))


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError("expected a list of finite numbers")
    return found


def _doubled_midranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return twice the mean rank of each value, from 1 on, which is whole also for ties."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.int64] = (2 * last - counts + 1)[where]
    return ranks


def _exact(doubled: NDArray[np.int64], n: int, observed: int) -> float:
    """Return the share of the choices of n among the ranks whose sum is at least ``observed``."""
    ways = np.zeros((n + 1, int(doubled.sum()) + 1))
    ways[0, 0] = 1.0
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    chosen = ways[n]
    return float(chosen[observed:].sum() / chosen.sum())
