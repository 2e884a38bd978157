"""From a gateway's counters to tallies."""

from __future__ import annotations

import math

import pytest

from pytest_mlops.rollout.canary import VersionTally, slow_bound, tally
from pytest_mlops.targets.traffic import DeploymentTraffic

BEFORE = DeploymentTraffic(
    requests=100,
    errors=2,
    latency={10.0: 90, 50.0: 7, math.inf: 1},
    shadow_requests=10,
    shadow_errors=1,
    shadow_latency={10.0: 9, 50.0: 0, math.inf: 0},
)
AFTER = DeploymentTraffic(
    requests=300,
    errors=5,
    latency={10.0: 270, 50.0: 20, math.inf: 5},
    shadow_requests=40,
    shadow_errors=3,
    shadow_latency={10.0: 30, 50.0: 6, math.inf: 1},
)


def test_a_tally_is_what_came_between_two_readings() -> None:
    assert tally(BEFORE, AFTER, slow_above=10.0) == VersionTally(requests=200, errors=3, slow=17)
    assert tally(BEFORE, AFTER, slow_above=50.0) == VersionTally(requests=200, errors=3, slow=4)


def test_without_a_first_reading_it_starts_at_nothing() -> None:
    assert tally(None, AFTER, slow_above=10.0) == VersionTally(requests=300, errors=5, slow=25)


def test_copies_are_counted_apart() -> None:
    assert tally(BEFORE, AFTER, slow_above=10.0, shadow=True) == VersionTally(requests=30, errors=2, slow=7)


@pytest.mark.parametrize("bound", [None, math.nan])
def test_without_a_bound_nothing_is_known_to_be_slow(bound: float | None) -> None:
    assert tally(BEFORE, AFTER, slow_above=bound).slow is None


def test_copies_without_times_are_not_known_to_be_fast() -> None:
    bare = DeploymentTraffic(requests=1, errors=0, latency={}, shadow_requests=5)
    assert tally(None, bare, slow_above=10.0, shadow=True) == VersionTally(requests=5, errors=0, slow=None)


def test_readings_the_wrong_way_round_are_negative_for_the_judge_to_refuse() -> None:
    found = tally(AFTER, BEFORE, slow_above=10.0)
    assert found.requests == -200
    assert "counts never fall" in found.problem("errors")


def test_tallies_of_two_epochs_add_up() -> None:
    first, second = VersionTally(requests=10, errors=1, slow=2), VersionTally(requests=5, errors=0, slow=1)
    assert first + second == VersionTally(requests=15, errors=1, slow=3)
    assert (first + VersionTally(requests=5, errors=None)) == VersionTally(
        requests=15, errors=None, slow=None
    )


@pytest.mark.parametrize(
    ("latency", "bound"),
    [
        ({10.0: 990, 50.0: 9, math.inf: 1}, 10.0),
        ({10.0: 989, 50.0: 10, math.inf: 1}, 50.0),
        ({50.0: 10, 10.0: 989, math.inf: 1}, 50.0),
        ({10.0: 1, 50.0: 1, math.inf: 98}, 50.0),
        ({10.0: 0, 50.0: 1}, 50.0),
    ],
)
def test_the_slow_bound_is_where_99_percent_are_reached(latency: dict[float, int], bound: float) -> None:
    assert slow_bound(latency) == bound


@pytest.mark.parametrize("latency", [{}, {10.0: 0, math.inf: 0}, {math.inf: 7}, {10.0: -3, 50.0: 9}])
def test_no_answers_give_no_bound(latency: dict[float, int]) -> None:
    assert slow_bound(latency) is None
