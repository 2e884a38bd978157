"""What dependence in time takes from a series, and from a p value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from pytest_mlops.stats.dependence import dispersion, inflated, variance_factor


def autoregressive(rho: float, n: int) -> list[float]:
    noise = np.random.default_rng(5).normal(size=n)
    values = [float(noise[0])]
    for each in noise[1:]:
        values.append(rho * values[-1] + math.sqrt(1 - rho**2) * float(each))
    return values


def test_factor_of_a_long_autoregressive_series() -> None:
    assert variance_factor(autoregressive(0.5, 20_000)) == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize("series", [[], [1.0, 2.0], [4.0] * 30, [1.0, -1.0] * 20])
def test_nothing_that_hangs_together_counts_in_full(series: list[float]) -> None:
    assert variance_factor(series) == 1.0


def test_a_trend_is_worth_a_few_points_only() -> None:
    assert variance_factor(list(range(100))) == pytest.approx(39.0)


def test_dispersion_of_counts_against_poisson() -> None:
    rng = np.random.default_rng(2)
    assert dispersion([rng.poisson(5, 5000), rng.poisson(9, 5000)]) == pytest.approx(1.0, abs=0.05)
    assert dispersion([4 * rng.poisson(5, 5000)]) == pytest.approx(4.0, rel=0.1)
    assert dispersion([[0.0, 0.0, 0.0], [3.0]]) == 1.0


def test_an_inflated_p_value_has_a_smaller_normal_score() -> None:
    assert inflated(0.001, 4.0) == pytest.approx(float(ndtr(ndtri(0.001) / 2)))
    assert inflated(0.001, 1.0) == 0.001
    assert inflated(0.7, 9.0) == 0.7
    assert inflated(0.0, 9.0) == 0.0
