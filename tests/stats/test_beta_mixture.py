"""Mixture e-values: their closed form, and that they are fair bets under the hypothesis that they test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.stats.beta_mixture import log_e_above, log_e_below

SHARES = st.floats(0.01, 0.99)
EVENTS = st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def integrated(k: int, n: int, share: float) -> float:
    """Integrate the likelihood ratio over Beta(1, 3) cut off below ``share``, by Simpson's rule."""
    theta = np.linspace(share, 1, 200_001)[:-1]
    density = 3 * (1 - theta) ** 2
    ratio = np.exp(k * np.log(theta / share) + (n - k) * np.log((1 - theta) / (1 - share)))
    weights = np.where(np.arange(theta.size) % 2, 4.0, 2.0)
    weights[0] = 1.0
    return float((weights * density * ratio).sum() * (1 - share) / 200_000 / 3 / (1 - share) ** 3)


@pytest.mark.parametrize(("k", "n", "share"), [(0, 0, 0.1), (5, 5, 0.1), (3, 40, 0.05), (30, 100, 0.2)])
def test_closed_form_is_the_integral(k: int, n: int, share: float) -> None:
    assert math.exp(float(log_e_above(k, n, share))) == pytest.approx(integrated(k, n, share), rel=1e-6)


@given(EVENTS, SHARES)
def test_on_the_boundary_the_bet_is_fair(events: tuple[int, int], share: float) -> None:
    k, n = events
    after = np.exp(log_e_above([k, k + 1], n + 1, share) - log_e_above(k, n, share))
    assert float((1 - share) * after[0] + share * after[1]) == pytest.approx(1.0, rel=1e-7)


@given(EVENTS, SHARES)
def test_the_bet_against_the_other_side_is_fair_too(events: tuple[int, int], share: float) -> None:
    k, n = events
    after = np.exp(log_e_below([k, k + 1], n + 1, share) - log_e_below(k, n, share))
    assert float((1 - share) * after[0] + share * after[1]) == pytest.approx(1.0, rel=1e-7)


@given(EVENTS, SHARES)
def test_one_more_success_is_more_evidence_above_and_less_below(
    events: tuple[int, int], share: float
) -> None:
    k, n = events
    above, below = log_e_above([k, k + 1], n + 1, share), log_e_below([k, k + 1], n + 1, share)
    assert above[1] >= above[0]
    assert below[1] <= below[0]


@given(EVENTS, SHARES)
def test_the_sides_are_mirror_images(events: tuple[int, int], share: float) -> None:
    k, n = events
    mirrored = log_e_above(n - k, n, 1 - share, (1.0, 1.0))
    assert float(log_e_below(k, n, share)) == pytest.approx(float(mirrored))


@pytest.mark.parametrize("k", [0, 1, 4_000, 40_000, 79_999, 80_000])
def test_tens_of_thousands_of_events_stay_finite(k: int) -> None:
    assert np.isfinite(log_e_above(k, 80_000, 0.1))
    assert np.isfinite(log_e_below(k, 80_000, 0.1))


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (math.nan, 5), (0, math.inf)])
def test_counts_that_are_none_are_refused(k: float, n: float) -> None:
    with pytest.raises(ValueError, match=r"successes are out of range"):
        log_e_above(k, n, 0.1)


@pytest.mark.parametrize("share", [0.0, 1.0, math.nan])
def test_a_share_at_the_ends_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        log_e_below(1, 2, share)
