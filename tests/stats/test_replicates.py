"""Percentile bounds of bootstrap replicates."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_mlops.stats.replicates import Replicates


def replicates(undefined: int = 0) -> Replicates:
    values = np.concatenate([np.arange(99.0, 0.0, -1.0)[: 99 - undefined], np.full(undefined, np.nan)])
    return Replicates.of(50.0, values, least=-7.0, largest=777.0)


def test_bounds_are_order_statistics() -> None:
    assert (replicates().lower(0.95), replicates().upper(0.95)) == (5, 95)
    assert (replicates().lower(0.99), replicates().upper(0.99)) == (1, 99)


def test_undefined_replicates_widen_both_bounds() -> None:
    found = replicates(undefined=3)  # 1, 2 and 3 are gone
    assert (found.undefined, found.size) == (3, 99)
    assert (found.lower(0.95), found.upper(0.95)) == (5, 98)


def test_more_undefined_replicates_than_a_bound_leaves_out_bound_nothing() -> None:
    found = replicates(undefined=5)
    assert (found.lower(0.95), found.upper(0.95)) == (-7, 777)


def test_undefined_replicates_speak_against_a_regression() -> None:
    values = np.array([-3.0, -2.0, -1.0, np.nan, np.inf, -np.inf, 0.0, 1.0, -5.0])
    assert Replicates.of(-2.0, values).p_below() == pytest.approx((1 + 5) / 10)


def test_a_p_value_is_never_zero_and_counts_ties() -> None:
    assert replicates().p_below(1000.0) == pytest.approx(1 / 100)
    assert replicates().p_below(99.0) == pytest.approx(2 / 100)
    assert replicates().p_below(-1.0) == 1


def test_bias_and_standard_error_are_those_of_the_replicates() -> None:
    found = Replicates.of(1.0, np.array([1.0, 2.0, 3.0]))
    assert (found.bias, found.stderr) == (1.0, 1.0)


def test_nothing_defined_has_no_bias_and_no_standard_error() -> None:
    found = Replicates.of(math.nan, np.full(99, np.nan))
    assert math.isnan(found.bias)
    assert math.isnan(found.stderr)
    assert (found.lower(0.95), found.upper(0.95)) == (-math.inf, math.inf)


def test_too_few_replicates_for_a_confidence_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got 99 replicates"):
        replicates().lower(0.999)


@pytest.mark.parametrize(
    ("confidence", "enough"), [(0.95, True), (0.99, True), (0.9901, False), (1.0, False)]
)
def test_replicates_suffice_for_a_confidence_that_they_have_a_bound_at(
    confidence: float, enough: bool
) -> None:
    assert replicates().suffices(confidence) is enough
