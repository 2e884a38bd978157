"""Bounds for the difference of two paired proportions: Tango's, exact if the candidate gained nothing.

Tango's score bound is asymptotic and least accurate if no example was gained; the number of lost examples is
binomial then and has an exact bound. At a true loss equal to the margin of 0.01, over all n from 500 to
2,000, Tango's bound alone passes with probability at most .0602 (at n = 602), both together with at most
.0507, at nominal .05 (``benchmarks/operating_characteristics.py``). For models that never differ Tango's
bound is used; they pass for n ≥ z²·(1 - margin)/margin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats import binomial, tango

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["lower_bound", "not_below", "upper_bound"]


def lower_bound(gained: int, lost: int, n: int, confidence: float) -> float:
    """Return the one-sided lower bound of (gained - lost)/n.

    Args:
        gained: Number of examples that only the candidate predicts correctly.
        lost: Number of examples that only the baseline predicts correctly.
        n: Number of examples, at least 1.
        confidence: One-sided confidence level.
    """
    bound = tango.lower_bound(gained, lost, n, confidence)
    return min(bound, -binomial.upper_bound(lost, n, confidence)) if lost and not gained else bound


def upper_bound(gained: int, lost: int, n: int, confidence: float) -> float:
    """Return the one-sided upper bound: the negative lower bound with the models exchanged."""
    return -lower_bound(lost, gained, n, confidence)


def not_below(
    gained: ArrayLike, lost: ArrayLike, n: int, margin: float, confidence: float
) -> NDArray[np.bool_]:
    """Return, for counts of any shape, whether the lower bound exceeds -``margin``, ``margin`` ≥ 0."""
    b, c = np.broadcast_arrays(np.asarray(gained), np.asarray(lost))
    shown: NDArray[np.bool_] = np.array(tango.not_below(b, c, n, margin, confidence))
    corner = shown & (b == 0) & (c > 0)
    # Few distinct counts remain here, so each is computed once.
    exact = {k: binomial.upper_bound(k, n, confidence) < margin for k in np.unique(c[corner]).tolist()}
    shown[corner] = [exact[k] for k in c[corner].tolist()]
    return shown
