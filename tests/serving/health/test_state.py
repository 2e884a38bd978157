"""What a row of probes comes to: thresholds, the start period, and what no row can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from pytest_mlops.records.health import HealthCheck, HealthState
from pytest_mlops.serving.health.state import CheckState, advance, health_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

HEALTHY, UNHEALTHY = HealthState.HEALTHY, HealthState.UNHEALTHY
STARTING, UNKNOWN = HealthState.STARTING, HealthState.UNKNOWN

checks = st.builds(
    lambda failures, successes, start: check(failures=failures, successes=successes, start=start),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from([0.0, 3.0, 10.0]),
)
rows = st.lists(st.booleans(), max_size=30)


def check(*, failures: int = 1, successes: int = 1, start: float = 0.0) -> HealthCheck:
    return HealthCheck.model_validate(
        {
            "name": "c",
            "check_type": "tcp",
            "endpoint": "h:1",
            "failure_threshold": failures,
            "success_threshold": successes,
            "start_period": start,
        }
    )


def states(limits: HealthCheck, row: Sequence[bool]) -> list[CheckState]:
    """Return the state after each probe, one probe a second."""
    found = [CheckState()]
    for second, ok in enumerate(row):
        found.append(advance(found[-1], limits, ok=ok, message=str(second), since_start=float(second)))
    return found[1:]


def in_a_row(row: Sequence[bool], what: bool) -> int:
    """Return how many of the last entries are ``what``."""
    return next((count for count, ok in enumerate(reversed(row)) if ok is not what), len(row))


def test_nothing_probed_is_unknown() -> None:
    assert CheckState().outcome("c").state is UNKNOWN
    assert not CheckState().is_decided


@settings(deadline=None)
@given(checks, rows)
def test_healthy_only_after_enough_successes_in_a_row(limits: HealthCheck, row: list[bool]) -> None:
    best = 0
    for index, state in enumerate(states(limits, row), start=1):
        best = max(best, in_a_row(row[:index], what=True))
        if state.state is HEALTHY:
            assert best >= limits.success_threshold


@settings(deadline=None)
@given(checks, rows)
def test_unhealthy_only_after_enough_failures_in_a_row(limits: HealthCheck, row: list[bool]) -> None:
    worst = 0
    for index, state in enumerate(states(limits, row), start=1):
        worst = max(worst, in_a_row(row[:index], what=False))
        if state.state is UNHEALTHY:
            assert worst >= limits.failure_threshold


@settings(deadline=None)
@given(checks, rows)
def test_enough_at_the_end_decides_whatever_came_before(limits: HealthCheck, row: list[bool]) -> None:
    late = [*row, *[False] * (int(limits.start_period) + limits.failure_threshold)]
    assert states(limits, late)[-1].state is UNHEALTHY
    assert states(limits, [*row, *[True] * limits.success_threshold])[-1].state is HEALTHY


@settings(deadline=None)
@given(checks, rows)
def test_what_was_seen_is_counted(limits: HealthCheck, row: list[bool]) -> None:
    for index, state in enumerate(states(limits, row), start=1):
        assert state.probes == index
        assert state.succeeded == sum(row[:index])
        assert state.message == str(index - 1)
        assert state.is_decided is (state.state in {HEALTHY, UNHEALTHY})


@settings(deadline=None)
@given(checks, rows)
def test_one_probe_changes_the_state_only_by_reaching_a_threshold(
    limits: HealthCheck, row: list[bool]
) -> None:
    before = CheckState()
    for ok, after in zip(row, states(limits, row), strict=True):
        if after.state is not before.state and after.state is not STARTING:
            reached = after.successes if ok else after.failures
            threshold = limits.success_threshold if ok else limits.failure_threshold
            assert reached == threshold
            assert after.state is (HEALTHY if ok else UNHEALTHY)
        before = after


@settings(deadline=None)
@given(checks, rows)
def test_rate_counts_from_the_first_success_on(limits: HealthCheck, row: list[bool]) -> None:
    seen = (states(limits, row) or [CheckState()])[-1].outcome("c")
    assert seen.successes == sum(row)
    assert seen.probes == (len(row) - row.index(True) if True in row else len(row))


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_failures_of_the_start_period_never_count(row: list[bool]) -> None:
    seen = states(check(failures=1, start=100.0), row)
    first = row.index(True) if True in row else len(row)
    assert all(state.state is STARTING and state.failures == 0 for state in seen[:first])


def test_first_success_ends_the_start_period() -> None:
    seen = states(check(failures=2, successes=3, start=100.0), [True, False, False])
    assert [state.state for state in seen] == [UNKNOWN, UNKNOWN, UNHEALTHY]


def test_start_period_ends_by_itself() -> None:
    seen = states(check(failures=2, start=2.0), [False] * 4)
    assert [state.state for state in seen] == [STARTING, STARTING, STARTING, UNHEALTHY]


@pytest.mark.parametrize("row", [[True, False] * 10, [False, True] * 10])
def test_flapping_below_both_thresholds_is_never_decided(row: list[bool]) -> None:
    seen = states(check(failures=2, successes=2), row)
    assert {state.state for state in seen} == {UNKNOWN}


def test_healthy_service_stays_so_through_fewer_failures_than_the_threshold() -> None:
    seen = states(check(failures=3), [True, False, False, True, False, False])
    assert {state.state for state in seen} == {HEALTHY}


def test_no_probe_has_no_rate() -> None:
    assert health_rate(0, 0) is None


@pytest.mark.parametrize(
    ("successes", "probes", "lower"),
    [(19, 20, beta.ppf(0.05, 19, 2)), (3, 3, 0.05 ** (1 / 3)), (1, 2, 1 - 0.95**0.5), (0, 4, 0.0)],
)
def test_rate_is_the_share_with_its_exact_bound(successes: int, probes: int, lower: float) -> None:
    rate = health_rate(successes, probes)
    assert rate is not None
    assert (rate.successes, rate.probes, rate.share) == (successes, probes, successes / probes)
    assert rate.lower == pytest.approx(lower, abs=1e-9)


def test_more_successes_than_probes_are_no_rate() -> None:
    with pytest.raises(ValueError, match=r"."):
        health_rate(3, 2)
