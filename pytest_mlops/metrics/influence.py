"""How much one example can weigh in a metric: what models that did not differ here may differ by elsewhere.

Of a mean it is the largest value that an example can have; of any other metric, as many times as there are
examples what one of them moves the metric by.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.binomial import unseen_share
from pytest_mlops.stats.paired_mean import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["UNKNOWN_INFLUENCE", "jackknife_influence", "largest_influences"]

UNKNOWN_INFLUENCE = "nothing recorded tells how much one example can weigh: it is 0 for both models"
LEFT_OUT = 100
"""Most examples that a metric is measured without."""


def largest_influences(
    true: Array, ours: Array, theirs: Array, confidence: float
) -> tuple[dict[str, float], float]:
    """Return what one example can weigh in each metric of regression, by the largest error at hand.

    Two models without any error leave the largest deviation of the truth from its mean to go by.

    Args:
        true: True values (n ≥ 1,).
        ours: Predictions of the candidate (n,).
        theirs: Predictions of the baseline (n,).
        confidence: One-sided, of the bounds: the root of a mean moves by less the further it is moved.

    Returns:
        The weights by metric, all 0 where every number is 0, and how many times larger than its error the
        largest number is that errors were computed from.
    """
    largest = _largest(true, ours, theirs)
    error = _largest(ours - true, theirs - true)
    for stand_in in (_largest(true - true.mean()), largest):
        if error <= ROUNDING * largest:
            error = stand_in
    if error == 0:
        return dict.fromkeys(("mae", "mean_error", "mse", "rmse", "r2"), 0.0), 1.0
    squared, variance = error * error, float(true.var())
    mse = min(float(((pred - true) ** 2).mean()) for pred in (ours, theirs))
    root = math.sqrt(mse + unseen_share(true.size, confidence) * squared) + math.sqrt(mse)
    weights = {
        "mae": error,
        "mean_error": error,
        "mse": squared,
        "rmse": squared / root if root > 0 else math.inf,
        "r2": squared / variance if variance > 0 else math.inf,
    }
    return weights, max(1.0, largest / error)


def jackknife_influence(metric: Callable[[NDArray[np.intp]], float], n: int, *, seed: int) -> float:
    """Return what one of ``n`` ≥ 2 examples weighs in any metric, at least the value of the metric itself.

    (n - 1) times the largest change by leaving one out, the jackknife's estimate of its influence (Efron and
    Tibshirani 1993, section 11.5), over all examples or 100 of them.

    Args:
        metric: Takes row numbers in 0..n - 1, returns a number, NaN where undefined.
        n: Number of examples.
        seed: Of the examples left out.
    """
    rows = np.arange(n)
    value = metric(rows)
    chosen = rows if n <= LEFT_OUT else np.random.default_rng(seed).choice(n, LEFT_OUT, replace=False)
    moved = np.array([metric(np.delete(rows, row)) - value for row in chosen])
    return max(abs(value), (n - 1) * _largest(moved[np.isfinite(moved)]))


def _largest(*arrays: Array) -> float:
    return max(float(np.abs(array).max(initial=0.0)) for array in arrays)
