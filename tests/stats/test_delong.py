"""DeLong's test for two correlated areas under the ROC curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import skew
from sklearn.metrics import roc_auc_score

from pytest_mlops.stats import normal
from pytest_mlops.stats.classification import ONE_CLASS
from pytest_mlops.stats.delong import paired_auc
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.probability import roc_auc

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scores = tuple["NDArray[np.bool_]", "NDArray[np.float64]", "NDArray[np.float64]"]


def sample(n: int, levels: int, seed: int) -> Scores:
    rng = np.random.default_rng(seed)
    positive, shared = rng.random(n) < 0.4, rng.normal(size=n)
    first, second = (positive * shift + shared + rng.normal(size=n) for shift in (1.0, 0.7))
    return positive, np.round(first * levels) / levels, np.round(second * levels) / levels


def placements(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    above = scores[positive][:, None] - scores[~positive][None, :]
    wins: NDArray[np.float64] = (above > 0) + 0.5 * (above == 0)
    return wins


@given(st.integers(4, 70), st.sampled_from([1, 3, 1000]), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_areas_and_covariance_follow_the_definition(n: int, levels: int, seed: int) -> None:
    positive, first, second = sample(n, levels, seed)
    m = int(positive.sum())
    found = paired_auc(positive, first, second)
    if m in {0, n}:
        assert found.difference.undefined == ONE_CLASS
        return
    assert found.candidate == pytest.approx(roc_auc_score(positive, first))
    assert found.baseline == pytest.approx(roc_auc_score(positive, second))
    assert found.difference.value == pytest.approx(found.candidate - found.baseline)
    if min(m, n - m) < 2:
        assert found.covariance is None
        return
    wins = [placements(positive, scores) for scores in (first, second)]
    expected = np.cov([win.mean(axis=1) for win in wins]) / m
    expected = expected + np.cov([win.mean(axis=0) for win in wins]) / (n - m)
    assert found.covariance == pytest.approx((expected[0, 0], expected[0, 1], expected[1, 1]), abs=1e-12)
    variance = expected[0, 0] + expected[1, 1] - 2 * expected[0, 1]
    if variance > 1e-10:
        assert found.difference.stderr == pytest.approx(np.sqrt(variance))


def test_variances_are_those_of_a_single_area() -> None:
    positive, first, second = sample(200, 3, 1)
    found = paired_auc(positive, first, second)
    assert found.covariance is not None
    assert np.sqrt(found.covariance[0]) == pytest.approx(roc_auc(positive, first).stderr)
    assert np.sqrt(found.covariance[2]) == pytest.approx(roc_auc(positive, second).stderr)


def test_exchanging_the_models_exchanges_everything() -> None:
    positive, first, second = sample(90, 3, 5)
    there, back = paired_auc(positive, first, second), paired_auc(positive, second, first)
    assert there.difference.value == -(back.difference.value or 0)
    assert there.difference.stderr == pytest.approx(back.difference.stderr)


def test_models_that_rank_alike_do_not_differ() -> None:
    positive, first, _ = sample(90, 3, 5)
    found = paired_auc(positive, first, np.exp(first)).difference
    assert (found.value, found.stderr) == (0, 0)


def test_two_separations_without_spread_are_not_certain_proof() -> None:
    positive = np.arange(20) >= 8
    found = paired_auc(positive, np.arange(20.0), -np.arange(20.0)).difference
    assert (found.value, found.stderr) == (1, normal.degenerate_stderr(8))
    flawless = paired_auc(positive, np.arange(20.0), np.where(positive, 2.0, 1.0)).difference
    assert (flawless.value, flawless.stderr) == (0, normal.degenerate_stderr(8))


def test_skewness_is_that_of_the_difference_over_repeated_samples() -> None:
    rng = np.random.default_rng(8)
    found = []
    for _ in range(4000):
        positive = np.arange(400) < 20
        first = rng.normal(size=400) + 3.3 * positive
        second = np.where(positive & (rng.random(400) < 0.2), rng.normal(size=400), first)
        found.append(paired_auc(positive, second, first))
    values = np.array([each.difference.value for each in found], dtype=np.float64)
    assert np.median([each.skewness for each in found]) == pytest.approx(skew(values), abs=0.12)


def test_skewness_turns_with_the_models_and_is_none_without_a_spread() -> None:
    positive, first, second = sample(90, 3, 5)
    there, back = paired_auc(positive, first, second), paired_auc(positive, second, first)
    assert there.skewness == pytest.approx(-back.skewness)
    assert there.skewness != 0
    assert paired_auc(positive, first, first).skewness == 0


def test_one_example_of_a_class_has_no_standard_error() -> None:
    positive, first, second = np.arange(9) == 3, np.arange(9.0), np.arange(9.0)[::-1]
    found = paired_auc(positive, first, second)
    assert found.covariance is None
    assert found.difference.stderr is None


@pytest.mark.parametrize("value", [True, False])
def test_one_class_has_no_area(value: object) -> None:
    found = paired_auc(np.full(5, value, dtype=bool), np.arange(5.0), np.arange(5.0))
    assert found.difference == Estimate(n=5, undefined=ONE_CLASS)
    assert np.isnan([found.candidate, found.baseline]).all()


@pytest.mark.slow
def test_equal_models_are_called_worse_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(11)
    p_values = []
    for _ in range(1500):
        positive, shared = rng.random(150) < 0.4, rng.normal(size=150)
        first, second = (positive + shared + rng.normal(size=150) for _ in range(2))
        found = paired_auc(positive, first, second).difference
        assert found.value is not None
        assert found.stderr is not None
        p_values.append(normal.p_below(found.value, found.stderr))
    rate = np.mean(np.array(p_values, dtype=float) <= 0.05)
    assert rate == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 1500))
