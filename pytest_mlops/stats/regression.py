"""Regression metrics: MAE, MSE, RMSE, R² and mean error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.estimate import NOT_NEGATIVE, Estimate
from pytest_mlops.stats.normal import standard_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["influences", "regression"]

_LARGEST_RATIO = 1e100
"""Ratio of mean squared error to variance above which the true values are constant up to rounding errors."""


RANGES = {"mae": NOT_NEGATIVE, "mse": NOT_NEGATIVE, "rmse": NOT_NEGATIVE, "r2": (-math.inf, 1.0)}

Influence = tuple[float | None, "NDArray[np.float64]"]
"""A value (``None`` if undefined) and the influence of each example on it (n,), with mean 0."""


def regression(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> dict[str, Estimate]:
    """Measure mae, mse, rmse, r2 and mean_error, each in units of ``y_true`` or their square.

    Args:
        y_true: True values (n,), n ≥ 1.
        y_pred: Predictions (n,); the mean error is mean(``y_pred`` - ``y_true``).
    """
    n = y_true.size
    found = {name: _estimate(name, pair, n) for name, pair in influences(y_true, y_pred).items()}
    return {**found, "mean_error": Estimate.mean(y_pred - y_true)}


def influences(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> dict[str, Influence]:
    """Return mae, mse, rmse and r2 with their influence values; arguments as for :func:`regression`."""
    error = y_pred - y_true
    squared, size = error**2, np.abs(error)
    mae, mse = float(size.mean()), float(squared.mean())
    return {
        "mae": (mae, size - mae),
        "mse": (mse, squared - mse),
        "rmse": _rmse(mse, squared),
        "r2": _r2(y_true, squared),
    }


def _estimate(name: str, pair: Influence, n: int) -> Estimate:
    value, influence = pair
    if value is None:
        return Estimate(n=n, undefined="only one example" if n < 2 else "y_true is constant")
    return Estimate(value=value, n=n, stderr=standard_error(influence), range=RANGES[name])


def _rmse(mse: float, squared: NDArray[np.float64]) -> Influence:
    """Return √mean(e²); by the delta method its influence is that of the mean divided by 2·rmse."""
    rmse = math.sqrt(mse)
    return rmse, (squared - mse) / (2 * rmse) if rmse > 0 else np.zeros_like(squared)


def _r2(y_true: NDArray[np.float64], squared: NDArray[np.float64]) -> Influence:
    """Return 1 - A/V with A = mean(e²) and V the variance of ``y_true``.

    Its influence function is -(e² - A)/V + A·((y - ȳ)² - V)/V², computed so that V² cannot underflow.
    """
    deviation = (y_true - y_true.mean()) ** 2
    a, v = float(squared.mean()), float(deviation.mean())
    # The mean of equal numbers has rounding errors, so V may not be exactly 0.
    if y_true.size < 2 or y_true.min() == y_true.max() or v * _LARGEST_RATIO <= a:
        return None, np.zeros_like(squared)
    return 1 - a / v, (a / v) * (deviation / v - 1) - (squared / v - a / v)
