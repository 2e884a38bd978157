"""Order-statistic bounds of quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import quantile_test

from pytest_mlops.stats.quantile import (
    LEVELS,
    lower_rank,
    quantile,
    quantile_bounds,
    quantile_estimate,
    upper_rank,
)


@pytest.mark.parametrize(
    ("n", "upper", "lower"),
    [
        (299, 299, 293),
        (500, 499, 491),
        (1000, 996, 985),
        (2000, 1988, 1972),
        (5000, 4962, 4938),
        (10000, 9917, 9883),
    ],
)
def test_ranks_of_the_99th_percentile(n: int, upper: int, lower: int) -> None:
    assert (upper_rank(n, 0.99, 0.95), lower_rank(n, 0.99, 0.95)) == (upper, lower)


@pytest.mark.parametrize(("n", "upper"), [(59, 59), (1000, 962)])
def test_upper_rank_of_the_95th_percentile(n: int, upper: int) -> None:
    assert upper_rank(n, 0.95, 0.95) == upper


def test_298_values_do_not_bound_the_99th_percentile_from_above() -> None:
    assert upper_rank(298, 0.99, 0.95) is None


def test_too_few_values_do_not_bound_a_low_quantile_from_below() -> None:
    assert lower_rank(298, 0.01, 0.95) is None
    assert lower_rank(299, 0.01, 0.95) == 1


def test_a_level_that_is_met_exactly_is_met() -> None:
    assert (upper_rank(1, 0.5, 0.5), lower_rank(1, 0.5, 0.5)) == (1, 1)


def test_bounds_of_1_to_1000_are_those_of_scipy() -> None:
    values = np.arange(1.0, 1001.0)
    lower, upper = quantile_bounds(values, 0.99, levels=(0.95, 0.975))
    assert (lower["0.95"], upper["0.95"]) == (985, 996)
    assert (lower["0.975"], upper["0.975"]) == (983, 997)
    oracle: Any = quantile_test(values, q=0, p=0.99).confidence_interval(0.95)
    assert (oracle.low, oracle.high) == (983, 997)


def test_levels_that_n_is_too_small_for_are_left_out() -> None:
    lower, upper = quantile_bounds(np.arange(300.0), 0.99)
    assert set(upper) == {"0.9", "0.95"}
    assert set(lower) == {f"{level:g}" for level in LEVELS}


@pytest.mark.parametrize(("q", "rank"), [(0.07, 7), (0.5, 50), (0.99, 99), (0.995, 100), (0.001, 1)])
def test_the_quantile_is_the_order_statistic_of_rank_qn_rounded_up(q: float, rank: int) -> None:
    assert quantile(np.arange(1.0, 101.0), q) == rank


def test_the_estimate_does_not_depend_on_the_order_of_the_values() -> None:
    values = np.arange(1.0, 1001.0)
    shuffled = np.random.default_rng(0).permutation(values)
    assert quantile_estimate(shuffled, 0.95) == quantile_estimate(values, 0.95)
    assert quantile_estimate(values, 0.95).value == 950


@given(st.integers(1, 3000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@settings(max_examples=50, deadline=None)
def test_bounds_widen_with_the_level_and_enclose_the_quantile(n: int, q: float) -> None:
    found = quantile_estimate(np.arange(float(n)), q)
    assert found.value is not None
    for bounds, sign in ((found.lower, -1), (found.upper, 1)):
        outward = [sign * bounds[level] for level in sorted(bounds, key=float)]
        assert outward == sorted(outward)
        # At 90 % and above no bound crosses the estimate.
        assert all(sign * found.value <= value for value in outward)


def test_upper_bounds_cover_the_true_quantile_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    covered = [quantile_bounds(np.sort(rng.random(400)), 0.95, (0.9,))[1]["0.9"] >= 0.95 for _ in range(600)]
    # Three standard errors of a share of 600 below the nominal level.
    assert np.mean(covered) >= 0.9 - 3 * np.sqrt(0.09 / 600)
    assert np.mean(covered) <= 0.97
