"""Student's t for paired differences, adjusted for skewness."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew, ttest_1samp

from pytest_mlops.stats.paired_mean import paired_mean

DRAWN = np.random.default_rng(3).normal(0.1, 1.0, 25)
SYMMETRIC = np.concatenate([DRAWN, 0.2 - DRAWN])


@pytest.mark.parametrize("value", [0.0, -0.4, 0.7])
def test_p_values_of_symmetric_differences_are_those_of_scipy(value: float) -> None:
    oracle = ttest_1samp(SYMMETRIC, value, alternative="less").pvalue
    assert paired_mean(SYMMETRIC).p_below(value) == pytest.approx(oracle)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_bounds_of_symmetric_differences_are_those_of_scipy(confidence: float) -> None:
    found = paired_mean(SYMMETRIC)
    greater = ttest_1samp(SYMMETRIC, 0, alternative="greater").confidence_interval(confidence)
    less = ttest_1samp(SYMMETRIC, 0, alternative="less").confidence_interval(confidence)
    assert (found.lower(confidence), found.upper(confidence)) == pytest.approx((greater.low, less.high))


def test_skewness_and_variance_are_those_of_the_differences() -> None:
    found = paired_mean(DRAWN)
    assert found.skewness == pytest.approx(skew(DRAWN))
    assert found.variance == pytest.approx(DRAWN.var(ddof=1))


def test_skewed_differences_have_a_bound_further_off_on_the_side_of_the_long_tail() -> None:
    found = paired_mean(np.array([-9.0] + [0.0] * 29))
    oracle = ttest_1samp([-9.0] + [0.0] * 29, 0, alternative="greater").confidence_interval(0.95).low
    assert found.lower(0.95) < 2 * oracle


def test_differences_that_are_all_the_same_have_no_spread() -> None:
    found = paired_mean(np.full(7, 0.1))
    assert (found.stderr, found.n, found.skewness) == (0, 7, 0)
    assert found.lower(0.95) == found.upper(0.95) == pytest.approx(0.1)
    assert (found.p_below(0.2), found.p_below(0.0)) == (0.0, 1.0)
    assert paired_mean(np.zeros(5)).p_below() == 1.0


def test_a_spread_of_rounding_errors_is_none() -> None:
    values = np.random.default_rng(1).random(30)
    shifted = (values + 0.1) - values
    assert shifted.min() < shifted.max()
    assert paired_mean(shifted, magnitude=1.1).stderr == 0
    assert paired_mean(shifted * 1e9, magnitude=1.1e9).stderr == 0
    assert paired_mean(shifted + 1e-13 * values, magnitude=1.1).stderr > 0


@pytest.mark.parametrize("values", [[], [0.4], [0.1, np.nan], [0.1, np.inf]])
def test_what_has_no_mean_with_a_spread_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=f"got {len(values)} differences"):
        paired_mean(np.array(values))
