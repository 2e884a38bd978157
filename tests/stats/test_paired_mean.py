"""Student's t for paired differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from pytest_mlops.stats.paired_mean import paired_mean

DIFFERENCES = np.random.default_rng(3).normal(0.1, 1.0, 25)


@pytest.mark.parametrize("value", [0.0, -0.4, 0.7])
def test_p_values_are_those_of_scipy(value: float) -> None:
    oracle = ttest_1samp(DIFFERENCES, value, alternative="less").pvalue
    assert paired_mean(DIFFERENCES).p_below(value) == pytest.approx(oracle)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_bounds_are_those_of_scipy(confidence: float) -> None:
    found = paired_mean(DIFFERENCES)
    greater = ttest_1samp(DIFFERENCES, 0, alternative="greater").confidence_interval(confidence)
    less = ttest_1samp(DIFFERENCES, 0, alternative="less").confidence_interval(confidence)
    assert (found.lower(confidence), found.upper(confidence)) == pytest.approx((greater.low, less.high))


def test_differences_that_are_all_the_same_have_no_spread() -> None:
    found = paired_mean(np.full(7, 0.1))
    assert (found.stderr, found.n) == (0, 7)
    assert found.lower(0.95) == found.upper(0.95) == pytest.approx(0.1)
    assert (found.p_below(0.2), found.p_below(0.0)) == (0.0, 1.0)
    assert paired_mean(np.zeros(5)).p_below() == 1.0


@pytest.mark.parametrize("values", [[], [0.4], [0.1, np.nan], [0.1, np.inf]])
def test_what_has_no_mean_with_a_spread_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=f"got {len(values)} differences"):
        paired_mean(np.array(values))
