"""Bounds adjusted for skewness: Hall's transformation where it is more cautious than Student's t."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import moment, t

from pytest_mlops.stats.paired_mean import paired_mean
from pytest_mlops.stats.skew_adjusted import SkewAdjusted, third_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

CONFIDENCE = st.floats(0.6, 0.9999)
SKEWNESS = st.floats(-1, 1)


def estimate(skewness: float, *, value: float = 2.0, stderr: float = 0.5, freedom: int = 40) -> SkewAdjusted:
    return SkewAdjusted(value=value, stderr=stderr, skewness=skewness, freedom=freedom)


def hall(student: float, skewness: float) -> float:
    """The transformation as Hall (1992) writes it, with γ/√n for the skewness."""
    return student + skewness * student**2 / 3 + skewness**2 * student**3 / 27 + skewness / 6


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_without_skewness_bounds_are_students(confidence: float) -> None:
    found, half = estimate(0.0), 0.5 * t.ppf(confidence, 40)
    assert (found.lower(confidence), found.upper(confidence)) == pytest.approx((2 - half, 2 + half))


@pytest.mark.parametrize("skewness", [-1.0, -0.3, -1e-5, -1e-7])
def test_the_bound_that_skewness_moves_away_is_where_halls_transformation_meets_the_quantile(
    skewness: float,
) -> None:
    for bound, turned in ((estimate(skewness).lower(0.95), 1), (estimate(-skewness).upper(0.95), -1)):
        student = turned * (2 - bound) / 0.5
        assert hall(student, skewness) == pytest.approx(t.ppf(0.95, 40))


@given(SKEWNESS, CONFIDENCE)
def test_no_bound_is_nearer_than_students(skewness: float, confidence: float) -> None:
    found, plain = estimate(skewness), estimate(0.0)
    assert found.lower(confidence) <= plain.lower(confidence)
    assert found.upper(confidence) >= plain.upper(confidence)


@given(SKEWNESS, CONFIDENCE)
def test_turning_the_estimate_round_turns_its_bounds(skewness: float, confidence: float) -> None:
    assert estimate(-skewness, value=-2.0).upper(confidence) == -estimate(skewness).lower(confidence)


@given(SKEWNESS, CONFIDENCE)
def test_p_values_and_upper_bounds_say_the_same(skewness: float, confidence: float) -> None:
    found = estimate(skewness)
    assert found.p_below(found.upper(confidence)) == pytest.approx(1 - confidence, rel=1e-6)


@pytest.mark.parametrize("value", [1.0, 2.0, 2.5, 4.0])
def test_no_p_value_is_smaller_than_students(value: float) -> None:
    student = t.cdf((2 - value) / 0.5, 40)
    assert estimate(0.0).p_below(value) == pytest.approx(student)
    assert min(estimate(skew).p_below(value) for skew in (-0.9, -0.1, 0.1, 0.9)) >= student * (1 - 1e-12)


def test_what_does_not_vary_is_certain() -> None:
    found = estimate(0.0, stderr=0.0)
    assert (found.lower(0.95), found.upper(0.95)) == (2, 2)
    assert (found.p_below(2.0), found.p_below(2.1)) == (1, 0)


def test_the_third_moment_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).exponential(size=50)
    assert third_moment(values) == pytest.approx(moment(values, 3))


def false_pass(
    draw: Callable[[np.random.Generator], NDArray[np.float64]], margin: float
) -> tuple[float, float]:
    """Return how often a loss of the whole margin passes: with Student's bound, and with the adjusted one."""
    rng = np.random.default_rng(20)
    found = [paired_mean(draw(rng)) for _ in range(3000)]
    student = [each.mean - t.ppf(0.95, each.n - 1) * each.stderr >= -margin for each in found]
    return float(np.mean(student)), float(np.mean([each.lower(0.95) >= -margin for each in found]))


@pytest.mark.parametrize(("n", "most"), [(300, 0.06), (500, 0.02)])
def test_rare_large_losses_pass_no_more_often_than_they_may(n: int, most: float) -> None:
    student, adjusted = false_pass(lambda rng: np.where(rng.random(n) < 0.01, -100.0, 0.0), 1.0)
    assert student > 0.11
    assert adjusted <= most + 3 * math.sqrt(most / 3000)


@pytest.mark.parametrize("n", [300, 500])
def test_rare_large_losses_among_small_changes_pass_at_the_nominal_rate(n: int) -> None:
    student, adjusted = false_pass(lambda r: -100.0 * (r.random(n) < 0.01) + r.normal(0, 5, n), 1.0)
    assert student > 0.08
    assert adjusted <= 0.065


def test_skewed_losses_pass_at_nearly_the_nominal_rate_from_100_examples_on() -> None:
    student, adjusted = false_pass(lambda rng: 0.0 - rng.exponential(1.0, 100), 1.0)
    assert student > 0.065
    assert adjusted <= 0.065


@pytest.mark.parametrize("sign", [1.0, 0.0])
def test_symmetric_changes_and_rare_gains_pass_as_often_as_with_students_t(sign: float) -> None:
    def draw(rng: np.random.Generator) -> NDArray[np.float64]:
        gains = sign * (rng.exponential(10, 200) - 10)
        return gains + rng.normal(0, 5, 200) - 1

    student, adjusted = false_pass(draw, 1.0)
    assert student - 0.003 <= adjusted <= student


def test_the_power_of_symmetric_changes_stays_what_it_was() -> None:
    student, adjusted = false_pass(lambda rng: rng.normal(0, 10, 500), 1.0)
    assert adjusted >= student - 0.005
    assert student > 0.65
