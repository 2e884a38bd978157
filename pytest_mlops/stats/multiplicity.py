"""Adjustment of p values for the number of tests in a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["benjamini_hochberg", "holm"]


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p values adjusted for the family-wise error (Holm, Scandinavian Journal of Statistics 6, 1979).

    The i-th smallest of K is multiplied by K - i + 1, then made non-decreasing and at most 1. Valid under any
    dependence.

    Args:
        p_values: The family (K,), which may be empty.

    Raises:
        ValueError: a value is NaN or outside 0..1.
    """
    p, order = _ordered(p_values)
    return _restored(np.maximum.accumulate(p * np.arange(p.size, 0, -1)), order)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p values adjusted for the false discovery rate (JRSS B 57, 1995).

    The i-th smallest of K is multiplied by K/i, then made non-decreasing from above and at most 1. Valid for
    independent tests and under positive regression dependence. Arguments and errors as for :func:`holm`.
    """
    p, order = _ordered(p_values)
    stepped = p * p.size / np.arange(1, p.size + 1)
    return _restored(np.minimum.accumulate(stepped[::-1])[::-1], order)


def _ordered(p_values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():  # NaN fails both
        raise ValueError("p_values has NaN or values outside 0..1; expected one p value in 0..1 per test")
    order = np.argsort(p, kind="stable")
    return p[order], order


def _restored(adjusted: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.float64]:
    found = np.empty_like(adjusted)
    found[order] = np.minimum(adjusted, 1.0)
    return found
