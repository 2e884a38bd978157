"""The ratio of two rates from whose each bad event was."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_mlops.stats.rate_ratio import (
    BadEvents,
    canary_probability,
    estimate,
    interval,
    log_e_better,
    log_e_worse,
    p_better,
    p_worse,
)

EVENTS = st.builds(
    lambda k, more, share: BadEvents(canary=k, total=k + more, share=share),
    st.integers(0, 200),
    st.integers(0, 200),
    st.floats(0.02, 0.98),
)


def test_equal_rates_share_bad_events_as_the_traffic() -> None:
    assert float(canary_probability(1.0, 0.1)) == pytest.approx(0.1)
    assert float(canary_probability(9.0, 0.1)) == pytest.approx(0.5)


@given(EVENTS, st.floats(0.2, 5.0))
def test_exact_p_values_are_binomial_tails(events: BadEvents, ratio: float) -> None:
    theta = float(canary_probability(ratio, events.share))
    assert p_worse(events, ratio) == pytest.approx(binom.sf(events.canary - 1, events.total, theta), rel=1e-6)
    assert p_better(events, ratio) == pytest.approx(binom.cdf(events.canary, events.total, theta), rel=1e-6)


@given(EVENTS)
def test_exchanged_arms_invert_the_ratio(events: BadEvents) -> None:
    swapped = BadEvents(canary=events.total - events.canary, total=events.total, share=1 - events.share)
    assert p_worse(events, 2.0) == pytest.approx(p_better(swapped, 0.5), rel=1e-7, abs=1e-300)
    lower, upper = interval([events], 0.05)
    other_lower, other_upper = interval([swapped], 0.05)
    assert lower == pytest.approx(1 / other_upper if other_upper else math.inf, rel=1e-4)
    assert upper == pytest.approx(1 / other_lower if other_lower else math.inf, rel=1e-4)


@given(st.lists(EVENTS, max_size=3))
def test_the_estimate_lies_in_its_interval(steps: list[BadEvents]) -> None:
    found = estimate(steps)
    lower, upper = interval(steps, 0.05)
    if found is None:
        assert (lower, upper) == (0.0, math.inf)
    else:
        assert lower <= found * (1 + 1e-9)
        assert found <= upper * (1 + 1e-9)


def test_the_estimate_of_one_step_is_the_ratio_of_the_rates() -> None:
    assert estimate([BadEvents(canary=20, total=100, share=0.1)]) == pytest.approx((20 / 0.1) / (80 / 0.9))


def test_the_interval_holds_where_a_mixture_over_all_ratios_reaches_the_level() -> None:
    lower, upper = interval([BadEvents(canary=20, total=100, share=0.1)], 0.05)
    assert (lower, upper) == pytest.approx((0.9012, 4.8812), abs=1e-4)


def test_events_of_one_arm_alone_bound_one_side() -> None:
    assert interval([BadEvents(canary=0, total=100, share=0.1)], 0.05)[0] == 0.0
    only_canary = BadEvents(canary=9, total=9, share=0.1)
    assert estimate([only_canary]) == math.inf
    assert interval([only_canary], 0.05)[1] == math.inf


def test_steps_that_contradict_each_other_give_what_spans_them() -> None:
    up = BadEvents(canary=90, total=100, share=0.5)
    down = BadEvents(canary=10, total=100, share=0.5)
    assert interval([up, down], 0.05) == (interval([down], 0.05)[0], interval([up], 0.05)[1])


def test_evidence_grows_with_the_events_that_bear_it() -> None:
    few, many = (BadEvents(canary=3 * n, total=10 * n, share=0.1) for n in (1, 10))
    assert log_e_worse(many, 1.0) > log_e_worse(few, 1.0) > 0
    few, many = (BadEvents(canary=n, total=10 * n, share=0.1) for n in (1, 10))
    assert log_e_better(many, 2.0) > log_e_better(few, 2.0)


@pytest.mark.parametrize(("canary", "total", "share"), [(3, 2, 0.1), (-1, 2, 0.1), (1, 2, 0.0), (1, 2, 1.0)])
def test_impossible_events_are_refused(canary: int, total: int, share: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        BadEvents(canary=canary, total=total, share=share)
