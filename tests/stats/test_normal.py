"""Normal bounds, and the n and the effect that follow from a standard error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pytest_mlops.stats import binomial, normal


def test_bounds_lie_one_quantile_of_standard_errors_away() -> None:
    assert normal.lower_bound(0.8, 0.01, 0.95) == pytest.approx(0.8 - 1.6448536 * 0.01)
    assert normal.upper_bound(0.8, 0.01, 0.95) == pytest.approx(0.8 + 1.6448536 * 0.01)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.8, 0.999])
def test_z_is_the_normal_quantile(level: float) -> None:
    assert normal.z(level) == pytest.approx(float(stats.norm.ppf(level)), abs=1e-9)


def test_mde_constant_is_that_of_five_percent_and_eighty_percent_power() -> None:
    assert normal.mde(1.0) == pytest.approx(2.4865, abs=5e-5)


@pytest.mark.parametrize(("value", "threshold"), [(0.82, 0.8), (0.78, 0.8), (-3.0, 1.0)])
def test_at_the_needed_n_the_bound_touches_the_threshold(value: float, threshold: float) -> None:
    stderr, n = 0.05, 400
    needed = normal.needed_n(stderr, n, value, threshold, 0.95)
    assert needed is not None

    def reach(size: int) -> float:
        return normal.z(0.95) * stderr * math.sqrt(n / size)

    assert reach(needed) <= abs(value - threshold) + 1e-12
    assert needed == 1 or reach(needed - 1) > abs(value - threshold)


def test_no_n_decides_an_estimate_on_its_threshold() -> None:
    assert normal.needed_n(0.1, 50, 0.8, 0.8, 0.95) is None
    assert normal.needed_n(0.0, 50, 0.8, 0.8, 0.95) is None


def test_no_reachable_n_decides_an_estimate_all_but_on_its_threshold() -> None:
    assert normal.needed_n(0.1, 50, 0.8 + 1e-12, 0.8, 0.95) is None


def test_without_spread_one_example_decides() -> None:
    assert normal.needed_n(0.0, 50, 0.9, 0.8, 0.95) == 1


def test_standard_error_is_that_of_scipy_and_unknown_for_one_value() -> None:
    values = np.array([1.0, 4.0, 2.0, 2.0])
    assert normal.standard_error(values) == pytest.approx(float(stats.sem(values)))
    assert normal.standard_error(values[:1]) is None


@pytest.mark.parametrize("n", [1, 3, 40, 1000])
def test_examples_all_alike_have_the_bound_of_clopper_and_pearson(n: int) -> None:
    bound = normal.lower_bound(1.0, normal.degenerate_stderr(n), 0.95)
    assert bound == pytest.approx(binomial.lower_bound(n, n, 0.95))
