"""Logarithm of the regularised incomplete beta function, without underflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["log_betainc"]

_UNDERFLOW = 1e-280
_TINY = 1e-300
_MOST_TERMS = 10_000


def log_betainc(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> NDArray[np.float64]:
    """Return log Iₓ(a, b) = log P(X ≤ x) for X ~ Beta(a, b).

    Args:
        a: First parameter, above 0, of any shape.
        b: Second parameter, above 0, of a shape that broadcasts.
        x: Argument in (0, 1), of a shape that broadcasts.
    """
    from scipy.special import betainc  # noqa: PLC0415 -- costs 0.2 s

    a, b, x = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (a, b, x)))
    found = np.asarray(betainc(a, b, x), dtype=np.float64)
    tail = found < _UNDERFLOW
    logs = np.log(np.where(tail, 1.0, found))
    if tail.any():
        logs = np.where(tail, 0.0, logs)
        logs[tail] = _log_tail(a[tail], b[tail], x[tail])
    return logs


def _log_tail(a: NDArray[np.float64], b: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return xᵃ(1 - x)ᵇ/(a·B(a, b)) over the continued fraction 8.17.22 of the DLMF, in logs.

    The fraction converges fast for x below (a + 1)/(a + b + 2), which is true wherever the function
    underflows.
    """
    from scipy.special import betaln  # noqa: PLC0415

    front: NDArray[np.float64] = a * np.log(x) + b * np.log1p(-x) - np.log(a) - betaln(a, b)
    return front + np.log(_fraction(a, b, x))


def _fraction(a: NDArray[np.float64], b: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate the continued fraction by the modified Lentz method (Applied Optics 15, 1976)."""
    c = np.ones_like(x)
    d = 1 / _away(1 - (a + b) * x / (a + 1))
    value = d.copy()
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            change = d * c
            value = value * change
        if (np.abs(change - 1) < 1e-14).all():
            break
    return value


def _away(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(value) < _TINY, _TINY, value)
