"""Errors of numeric predictions: MAE, MSE, RMSE, R² and the mean error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.estimate import NOT_NEGATIVE, Estimate
from pytest_mlops.stats.normal import standard_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["regression"]

_LARGEST_RATIO = 1e100
"""Above this mean squared error over variance, true values are constant for all that float64 can tell."""


def regression(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> dict[str, Estimate]:
    """Measure mae, mse, rmse, r2 and mean_error, each in units of ``y_true`` or their square.

    Args:
        y_true: True values (n ≥ 1,).
        y_pred: Predictions (n,); the mean error is mean(``y_pred`` - ``y_true``), positive for too high.
    """
    error = y_pred - y_true
    squared = error**2
    return {
        "mae": Estimate.mean(np.abs(error), range=NOT_NEGATIVE),
        "mse": Estimate.mean(squared, range=NOT_NEGATIVE),
        "rmse": _rmse(squared),
        "r2": _r2(y_true, squared),
        "mean_error": Estimate.mean(error),
    }


def _rmse(squared: NDArray[np.float64]) -> Estimate:
    """Return √mean(e²); by the delta method its standard error is that of the mean over 2·rmse."""
    rmse, stderr = math.sqrt(float(squared.mean())), standard_error(squared)
    if stderr is not None and rmse > 0:
        stderr /= 2 * rmse
    return Estimate(value=rmse, n=squared.size, stderr=stderr, range=NOT_NEGATIVE)


def _r2(y_true: NDArray[np.float64], squared: NDArray[np.float64]) -> Estimate:
    """Return 1 - A/V with A = mean(e²) and V the variance of ``y_true``.

    Its influence function is -(e² - A)/V + A·((y - ȳ)² - V)/V², written below so that V² cannot underflow.
    """
    n = y_true.size
    if n < 2:
        return Estimate(n=n, undefined="one example only")
    deviation = (y_true - y_true.mean()) ** 2
    a, v = float(squared.mean()), float(deviation.mean())
    # The mean of equal numbers may miss them by a rounding error, so V alone does not tell.
    if y_true.min() == y_true.max() or v * _LARGEST_RATIO <= a:
        return Estimate(n=n, undefined="y_true is constant")
    influence = (a / v) * (deviation / v - 1) - (squared / v - a / v)
    return Estimate(value=1 - a / v, n=n, stderr=standard_error(influence), range=(-math.inf, 1.0))
