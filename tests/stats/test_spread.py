"""The test of Brown and Forsythe against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import levene

from pytest_mlops.stats import spread


def test_both_sides_together_are_levenes_test_with_medians() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1.5, 20), rng.normal(0, 1, 31)
    sides = spread.p_wider(first, second), spread.p_wider(second, first)
    assert sum(sides) == pytest.approx(1.0)
    assert 2 * min(sides) == pytest.approx(levene(first, second).pvalue, rel=1e-9)


def test_a_ratio_is_allowed_for() -> None:
    values = np.random.default_rng(1).normal(size=40)
    assert spread.p_wider(3 * values, values, 3.0) == pytest.approx(0.5)
    assert spread.p_wider(3 * values, values) < 0.01


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0, 2.0]), ([], []), ([1.0] * 4, [5.0] * 4)])
def test_nothing_that_varies_is_no_evidence(first: list[float], second: list[float]) -> None:
    assert spread.p_wider(first, second) == 1.0


def test_deviation_is_about_the_median() -> None:
    assert spread.deviation([1.0, 2.0, 9.0]) == pytest.approx(8 / 3)
    assert math.isnan(spread.deviation([]))


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        spread.p_wider([1.0, math.nan], [1.0, 2.0])
