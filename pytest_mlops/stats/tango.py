"""Tango's score test and interval for the difference of two paired proportions.

Statistics in Medicine 17 (1998), 891-908. Of n examples, ``gained`` are predicted correctly only by the
candidate and ``lost`` only by the baseline; the difference of the accuracies is (gained - lost)/n, higher is
better.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats import normal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["identical_n", "lower_bound", "not_below", "score", "upper_bound"]

_HALVINGS = 46  # to 3e-14


def score(gained: ArrayLike, lost: ArrayLike, n: int, difference: float) -> NDArray[np.float64]:
    """Return the score statistic Z of H0: true difference = ``difference``; positive above it.

    With t the difference, A = 2n, B = -b - c + (2n - b + c)·t, C = -c·t·(1 - t), the restricted estimate of
    P(lost) is q = (√(B² - 4AC) - B)/(2A), and Z = (b - c - n·t)/√(n·(2q + t·(1 - t))).

    Args:
        gained: Counts b, of any shape.
        lost: Counts c, of a shape that broadcasts.
        n: Number of examples, at least 1.
        difference: In -1..1.

    Raises:
        ValueError: ``n`` is below 1, or the counts are negative or exceed ``n``.
    """
    b, c = np.asarray(gained, dtype=np.float64), np.asarray(lost, dtype=np.float64)
    if n < 1 or (b < 0).any() or (c < 0).any() or (b + c > n).any():
        raise ValueError(
            f"n is {n} and the counts do not fit; expected n ≥ 1 and counts ≥ 0 of at most n together"
        )
    if difference > 0:  # with the models exchanged t <= 0, which avoids cancellation below
        return -_score(c, b, n, -difference)
    return _score(b, c, n, difference)


def not_below(
    gained: ArrayLike, lost: ArrayLike, n: int, margin: float, confidence: float
) -> NDArray[np.bool_]:
    """Return whether the data show, at ``confidence``, that the candidate loses less than ``margin``.

    The test Z(-margin) ≥ z, which is equivalent to the lower bound exceeding -margin.
    """
    return score(gained, lost, n, -margin) >= normal.z(confidence)


def lower_bound(gained: int, lost: int, n: int, confidence: float) -> float:
    """Return the one-sided lower bound of the difference, the t with Z(t) = z, by bisection."""
    z = normal.z(confidence)
    low, high = -1.0, (gained - lost) / n
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if float(score(gained, lost, n, middle)) > z else (low, middle)
    return low


def upper_bound(gained: int, lost: int, n: int, confidence: float) -> float:
    """Return the one-sided upper bound: the negative lower bound with the models exchanged."""
    return -lower_bound(lost, gained, n, confidence)


def identical_n(margin: float, confidence: float) -> int:
    """Return the smallest n at which two models with the same predictions pass: z²·(1 - margin)/margin.

    Raises:
        ValueError: ``margin`` is not between 0 and 1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"margin is {margin}; expected a loss between 0 and 1")
    return max(1, math.ceil(normal.z(confidence) ** 2 * (1 - margin) / margin))


def _score(b: NDArray[np.float64], c: NDArray[np.float64], n: int, t: float) -> NDArray[np.float64]:
    linear = b + c - (2 * n - b + c) * t  # -B, not negative for t <= 0
    root = np.sqrt(np.maximum(linear**2 + 8 * n * c * t * (1 - t), 0.0))
    variance = (linear + root) / (2 * n) + t * (1 - t)
    gap = b - c - n * t
    # The variance is 0 only if H0 allows a single outcome.
    certain = np.where(gap == 0, 0.0, np.copysign(np.inf, gap))
    spread = np.sqrt(n * np.maximum(variance, 0.0))
    found: NDArray[np.float64] = np.divide(gap, spread, out=np.array(certain), where=spread > 0)
    return found
