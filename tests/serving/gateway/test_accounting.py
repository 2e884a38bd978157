"""What the traffic of each deployment comes to."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")
from pytest_mlops.serving.gateway.accounting import LATENCY_BOUNDS, TrafficTally


def test_bounds_are_eight_a_decade_from_a_tenth_of_a_millisecond_to_100_s() -> None:
    assert (LATENCY_BOUNDS[0], LATENCY_BOUNDS[8], LATENCY_BOUNDS[-2]) == (0.1, 1.0, 100_000.0)
    assert LATENCY_BOUNDS[-1] == math.inf
    assert list(LATENCY_BOUNDS) == sorted(set(LATENCY_BOUNDS))
    assert len(LATENCY_BOUNDS) == 50


@pytest.mark.parametrize(
    ("milliseconds", "bound"), [(0.0, 0.1), (0.1, 0.1), (0.11, 0.133352), (2e5, math.inf)]
)
def test_a_latency_counts_below_the_bound_that_it_does_not_exceed(milliseconds: float, bound: float) -> None:
    counts = TrafficTally()
    counts.of("dep", "v").clients.add(failed=False, milliseconds=milliseconds)
    tally = counts.deployments["dep"].clients
    assert tally.latency[LATENCY_BOUNDS.index(bound)] == 1


def test_only_the_deployments_idle_for_longest_are_forgotten() -> None:
    counts = TrafficTally()
    for n in range(600):
        counts.of("kept", "v").clients.add(failed=False, milliseconds=1.0)
        counts.of(f"dep-{n}", "v")
    assert len(counts.deployments) == 512
    assert counts.deployments["kept"].clients.requests == 600
