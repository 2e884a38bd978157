"""Tango's score test and interval for paired proportions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pytest_mlops.stats import normal, tango


def test_score_and_interval_of_tangos_example() -> None:
    assert float(tango.score(0, 1, 44, -0.1)) == pytest.approx(1.7086, abs=5e-5)
    assert tango.lower_bound(0, 1, 44, 0.95) == pytest.approx(-0.0957, abs=5e-5)
    assert tango.upper_bound(0, 1, 44, 0.95) == pytest.approx(0.0365, abs=5e-5)


@pytest.mark.parametrize(
    ("gained", "lost", "n", "lower", "upper"),
    [(12, 2, 50, 0.0611, 0.3447), (25, 40, 1000, -0.0315, 0.0008)],
)
def test_intervals_have_their_reference_values(
    gained: int, lost: int, n: int, lower: float, upper: float
) -> None:
    assert tango.lower_bound(gained, lost, n, 0.975) == pytest.approx(lower, abs=5e-5)
    assert tango.upper_bound(gained, lost, n, 0.975) == pytest.approx(upper, abs=5e-5)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 300), st.floats(-0.9, 0.9))
@settings(max_examples=150, deadline=None)
def test_score_standardises_by_the_restricted_maximum_likelihood_estimate(
    gained: int, lost: int, rest: int, difference: float
) -> None:
    assume(abs(difference) > 1e-3)
    n = gained + lost + rest

    def minus_likelihood(p_lost: float) -> float:
        cells = np.array([p_lost + difference, p_lost, 1 - difference - 2 * p_lost])
        return -float(np.array([gained, lost, rest]) @ np.log(np.maximum(cells, 1e-300)))

    low, high = max(0.0, -difference), (1 - difference) / 2
    p_lost = float(minimize_scalar(minus_likelihood, bounds=(low, high), options={"xatol": 1e-12}).x)
    variance = n * (2 * p_lost + difference * (1 - difference))
    expected = (gained - lost - n * difference) / np.sqrt(variance)
    assert float(tango.score(gained, lost, n, difference)) == pytest.approx(expected, rel=1e-3, abs=1e-4)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 500), st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=80, deadline=None)
def test_score_meets_its_quantile_at_the_bounds(gained: int, lost: int, rest: int, confidence: float) -> None:
    n = gained + lost + rest
    assume(rest)
    lower, upper = (bound(gained, lost, n, confidence) for bound in (tango.lower_bound, tango.upper_bound))
    z = float(normal.z(confidence))
    assert lower <= (gained - lost) / n <= upper
    assert float(tango.score(gained, lost, n, lower)) == pytest.approx(z, abs=1e-5)
    assert float(tango.score(gained, lost, n, upper)) == pytest.approx(-z, abs=1e-5)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 400), st.floats(0.002, 0.5))
@settings(max_examples=100, deadline=None)
def test_test_and_bound_agree(gained: int, lost: int, rest: int, margin: float) -> None:
    n = gained + lost + rest
    lower = tango.lower_bound(gained, lost, n, 0.95)
    assume(abs(lower + margin) > 1e-9)
    assert bool(tango.not_below(gained, lost, n, margin, 0.95)) is (lower > -margin)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 100), st.floats(-0.99, 0.99))
@settings(max_examples=60, deadline=None)
def test_exchanging_the_models_changes_the_sign(gained: int, lost: int, rest: int, difference: float) -> None:
    n = gained + lost + rest + 1
    there, back = tango.score(gained, lost, n, difference), tango.score(lost, gained, n, -difference)
    assert float(there) == pytest.approx(-float(back), abs=1e-9)


@pytest.mark.parametrize(("margin", "n"), [(0.01, 268), (0.02, 133), (0.05, 52)])
def test_identical_predictions_pass_from_a_known_n(margin: float, n: int) -> None:
    assert tango.identical_n(margin, 0.95) == n
    assert tango.lower_bound(0, 0, n, 0.95) > -margin > tango.lower_bound(0, 0, n - 1, 0.95)
    assert bool(tango.not_below(0, 0, n, margin, 0.95))
    assert not bool(tango.not_below(0, 0, n - 1, margin, 0.95))


def test_identical_predictions_never_pass_without_a_margin() -> None:
    assert not bool(tango.not_below(0, 0, 10**9, 0.0, 0.95))


def test_losing_or_gaining_everything_is_bounded_by_the_possible() -> None:
    assert tango.lower_bound(0, 44, 44, 0.95) == pytest.approx(-1)
    assert tango.upper_bound(44, 0, 44, 0.95) == pytest.approx(1)
    assert -1 < tango.upper_bound(0, 44, 44, 0.95) < -0.8
    assert float(tango.score(44, 0, 44, -1.0)) == np.inf
    assert float(tango.score(0, 44, 44, -1.0)) == 0


def test_arrays_give_what_their_elements_give() -> None:
    gained, lost = np.arange(5)[:, None], np.arange(4)[None, :]
    found = tango.score(gained, lost, 60, -0.05)
    assert found.shape == (5, 4)
    assert found[3, 2] == tango.score(3, 2, 60, -0.05)


@pytest.mark.parametrize(("gained", "lost", "n"), [(0, 0, 0), (-1, 2, 10), (2, -1, 10), (6, 5, 10)])
def test_impossible_counts_are_refused(gained: int, lost: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"n is {n}"):
        tango.score(gained, lost, n, -0.01)


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.1])
def test_only_a_margin_inside_the_unit_interval_has_an_n(margin: float) -> None:
    with pytest.raises(ValueError, match="expected a loss between 0 and 1"):
        tango.identical_n(margin, 0.95)
