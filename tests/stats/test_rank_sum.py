"""The rank-sum test against scipy's, and against enumeration where there are ties."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from pytest_mlops.stats import rank_sum


def test_without_ties_it_is_the_exact_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.5, 1, 25), rng.normal(0, 1, 30)
    expected = mannwhitneyu(first, second, alternative="greater", method="exact").pvalue
    assert rank_sum.p_greater(first, second) == pytest.approx(expected, rel=1e-9)


def test_many_values_take_the_normal_distribution() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 9, 45) + 1, rng.integers(0, 9, 50)
    assert first.size + second.size > rank_sum.EXACT
    expected = mannwhitneyu(first, second, alternative="greater", method="asymptotic").pvalue
    assert rank_sum.p_greater(first, second) == pytest.approx(expected, rel=1e-9)


def test_with_ties_all_ways_to_deal_the_values_out_are_counted() -> None:
    first, second = [3, 3, 2, 5], [1, 2, 2, 3, 1]
    pooled = np.array(first + second)
    ranks = [float(((pooled < v).sum() + (pooled <= v).sum() + 1) / 2) for v in pooled]
    sums = [sum(chosen) for chosen in itertools.combinations(ranks, 4)]
    expected = sum(each >= sum(ranks[:4]) for each in sums) / math.comb(9, 4)
    assert rank_sum.p_greater(first, second) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("first", "second"), [([], [1.0]), ([1.0], []), ([2.0] * 5, [2.0] * 5), ([2.0] * 50, [2.0] * 50)]
)
def test_nothing_to_compare_is_no_evidence(first: list[float], second: list[float]) -> None:
    assert rank_sum.p_greater(first, second) == 1.0


def test_shift_is_the_median_of_the_differences() -> None:
    assert rank_sum.shift([4.0, 6.0], [1.0, 2.0]) == pytest.approx(3.5)


@pytest.mark.parametrize("values", [[1.0, math.nan], [math.inf], [[1.0]]])
def test_values_that_are_no_numbers_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        rank_sum.p_greater(values, [1.0])
