"""Bounds for the difference of two paired proportions: Tango's, exact where the candidate gained nothing.

Tango's score bound is asymptotic, and least exact where no example was gained: the number lost is binomial
there, with a known exact bound. At a true loss of the whole margin of 0.01, over every n from 500 to 2,000,
Tango's bound alone passes with probability .0602 at worst (n = 602), the two together with .0507 at nominal
.05 (``benchmarks/operating_characteristics.py``). Models that never differ keep Tango's bound, by which they
pass from n = z²·(1 - margin)/margin on.
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
        gained: Examples that the candidate alone gets right.
        lost: Examples that the baseline alone gets right.
        n: Number of examples, at least 1.
        confidence: One-sided.
    """
    bound = tango.lower_bound(gained, lost, n, confidence)
    return min(bound, -binomial.upper_bound(lost, n, confidence)) if lost and not gained else bound


def upper_bound(gained: int, lost: int, n: int, confidence: float) -> float:
    """Return the one-sided upper bound: minus the lower one of the models exchanged."""
    return -lower_bound(lost, gained, n, confidence)


def not_below(
    gained: ArrayLike, lost: ArrayLike, n: int, margin: float, confidence: float
) -> NDArray[np.bool_]:
    """Tell, for counts of any shape, whether the lower bound keeps a margin of 0 or more."""
    b, c = np.broadcast_arrays(np.asarray(gained), np.asarray(lost))
    shown: NDArray[np.bool_] = np.array(tango.not_below(b, c, n, margin, confidence))
    corner = shown & (b == 0) & (c > 0)
    # Of the numbers lost that Tango's bound lets through only a few differ.
    exact = {k: binomial.upper_bound(k, n, confidence) < margin for k in np.unique(c[corner]).tolist()}
    shown[corner] = [exact[k] for k in c[corner].tolist()]
    return shown
