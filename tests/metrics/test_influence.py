"""How much one example can weigh."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_mlops.metrics.influence import LEFT_OUT, jackknife_influence, largest_influences


def test_errors_weigh_as_much_as_the_largest_one_of_either_model() -> None:
    true = np.array([0.0, 1.0, 2.0])
    weights, larger = largest_influences(true, np.array([0.5, 1, 2]), np.array([0, -2.0, 2]), 0.95)
    assert (weights["mae"], weights["mean_error"], weights["mse"]) == (3, 3, 9)
    assert weights["r2"] == pytest.approx(9 / true.var())
    assert larger == 1
    assert largest_influences(true + 99, true + 99.5, true + 99.5, 0.95)[1] == pytest.approx(101.5 / 0.5)


def test_errors_that_are_rounding_errors_count_as_none() -> None:
    true = np.array([1.0, 2.0, 4.0])
    weights, _ = largest_influences(true, true * (1 + 2e-16), true, 0.95)
    assert weights["mae"] == pytest.approx(4 - 7 / 3)


def test_an_example_of_a_mean_weighs_its_distance_from_it_or_the_mean() -> None:
    values = np.array([1.0, 2.0, 9.0])
    assert jackknife_influence(lambda rows: float(values[rows].mean()), 3, seed=1) == pytest.approx(5)
    assert jackknife_influence(lambda rows: float(values[rows].sum()), 3, seed=1) == pytest.approx(18)
    assert jackknife_influence(lambda rows: -7.0, 3, seed=1) == 7


def test_what_is_undefined_without_an_example_is_measured_without_the_others() -> None:
    def metric(rows: np.ndarray) -> float:
        return float(rows.mean()) if 0 in rows else math.nan

    assert jackknife_influence(metric, 3, seed=1) == pytest.approx(1)


def test_of_many_examples_a_few_are_left_out() -> None:
    calls = []

    def metric(rows: np.ndarray) -> float:
        calls.append(rows.size)
        return 1.0

    jackknife_influence(metric, 5000, seed=1)
    assert calls == [5000] + [4999] * LEFT_OUT
