"""Largest influence of one example on a metric.

Two models that never differ on n examples may still differ on others. Bounds allow for that by the influence
that an unseen example can have: for a mean the largest possible value of an example, for any other metric n
times the change that one example causes.
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

UNKNOWN_INFLUENCE = "the influence of one example is unknown: all values are 0 for both models"
LEFT_OUT = 100
"""Maximum number of examples that are left out in turn."""


def largest_influences(
    true: Array, ours: Array, theirs: Array, confidence: float
) -> tuple[dict[str, float], float]:
    """Return the largest influence of one example on each regression metric, from the largest observed error.

    If neither model has any error, the largest deviation of the true values from their mean is used instead.

    Args:
        true: True values (n,), n ≥ 1.
        ours: Predictions of the candidate (n,).
        theirs: Predictions of the baseline (n,).
        confidence: One-sided confidence level of the bounds, for the nonlinearity of RMSE.

    Returns:
        Metric -> influence, all 0 if every number is 0; and the ratio of the largest number to the largest
        error, for rounding errors.
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
    """Return the largest influence of one example on any metric, at least the metric's absolute value.

    (n - 1) times the largest change from leaving one example out, the jackknife estimate of the influence
    (Efron and Tibshirani 1993, section 11.5), over all examples or a random 100 of them.

    Args:
        metric: Takes row indices in 0..n - 1, returns the metric, NaN if undefined.
        n: Number of examples, at least 2.
        seed: Seed of the choice of examples.
    """
    rows = np.arange(n)
    value = metric(rows)
    chosen = rows if n <= LEFT_OUT else np.random.default_rng(seed).choice(n, LEFT_OUT, replace=False)
    moved = np.array([metric(np.delete(rows, row)) - value for row in chosen])
    return max(abs(value), (n - 1) * _largest(moved[np.isfinite(moved)]))


def _largest(*arrays: Array) -> float:
    return max(float(np.abs(array).max(initial=0.0)) for array in arrays)
