"""MAE, MSE, RMSE, R² and the mean error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error

from pytest_mlops.stats.regression import regression

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sample(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    true = rng.gamma(2.0, 3.0, n)
    return true, true * 0.9 + rng.normal(0.2, 1.0, n)


@given(st.integers(2, 50), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_values_are_those_of_scikit_learn(n: int, seed: int) -> None:
    true, pred = sample(n, seed)
    found = {name: estimate.value for name, estimate in regression(true, pred).items()}
    assert found == pytest.approx(
        {
            "mae": mean_absolute_error(true, pred),
            "mse": mean_squared_error(true, pred),
            "rmse": root_mean_squared_error(true, pred),
            "r2": r2_score(true, pred),
            "mean_error": float((pred - true).mean()),
        }
    )


@pytest.mark.parametrize("metric", ["mae", "mse", "rmse", "r2", "mean_error"])
def test_standard_errors_are_those_of_the_bootstrap(metric: str) -> None:
    true, pred = sample(1500, 1)
    rng = np.random.default_rng(7)
    values = []
    for _ in range(600):
        rows = rng.integers(0, true.size, true.size)
        values.append(regression(true[rows], pred[rows])[metric].value)
    stderr = regression(true, pred)[metric].stderr
    assert stderr == pytest.approx(float(np.std(np.array(values, float))), rel=0.12)


@given(st.integers(2, 50), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_order_of_examples_changes_nothing(n: int, seed: int) -> None:
    true, pred = sample(n, seed)
    rows = np.random.default_rng(seed).permutation(n)
    before, after = regression(true, pred), regression(true[rows], pred[rows])
    for name, estimate in before.items():
        assert after[name].value == pytest.approx(estimate.value)
        assert after[name].stderr == pytest.approx(estimate.stderr)


def test_predictions_too_high_have_a_positive_mean_error() -> None:
    assert regression(np.array([1.0, 2.0]), np.array([2.0, 4.0]))["mean_error"].value == 1.5


def test_flawless_predictions_have_no_error_and_no_spread() -> None:
    true = np.array([1.0, 2.0, 4.0])
    found = regression(true, true)
    assert (found["rmse"].value, found["rmse"].stderr) == (0, 0)
    assert found["r2"].value == 1


@pytest.mark.parametrize("level", [0.0, 0.1, 1e15 / 3])
def test_constant_truth_leaves_r2_undefined(level: float) -> None:
    true = np.full(7, level)
    assert regression(true, true + np.arange(7))["r2"].undefined == "y_true is constant"


def test_truth_that_is_constant_but_for_rounding_leaves_r2_undefined() -> None:
    assert regression(np.array([0.0, 1e-160]), np.array([1.0, 2.0]))["r2"].undefined == "y_true is constant"


def test_one_example_has_errors_and_no_r2() -> None:
    found = regression(np.array([1.0]), np.array([3.0]))
    assert (found["mae"].value, found["rmse"].value, found["rmse"].stderr) == (2, 2, None)
    assert found["r2"].undefined == "only one example"


def test_values_at_the_edge_of_what_is_accepted_stay_finite() -> None:
    found = regression(np.array([-1e60, 1e60, 0.0]), np.array([1e60, -1e60, 1e-60]))
    numbers = [number for estimate in found.values() for number in (estimate.value, estimate.stderr)]
    assert np.isfinite(np.array(numbers, dtype=float)).all()
