"""Replicates until the decision is clear."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlops.stats.replicates import Replicates
from pytest_mlops.stats.settle import settle


class Source:
    """Draws standard normal replicates; their lower 95 % bound is close to -1.645."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, replicates: int) -> Replicates:
        self.asked.append(replicates)
        return Replicates.of(0.0, np.random.default_rng(5).normal(size=replicates))


@pytest.mark.parametrize("threshold", [-3.0, 0.0])
def test_a_bound_far_from_the_threshold_is_clear_at_once(threshold: float) -> None:
    source = Source()
    assert settle(source, threshold=threshold, confidence=0.95).size == 10_000
    assert source.asked == [10_000]


def test_a_bound_near_the_threshold_takes_more_replicates() -> None:
    source = Source()
    near = source(400).lower(0.95)
    found = settle(source, threshold=near + 0.05, confidence=0.95, first=400, most=100_000)
    assert source.asked[1:3] == [400, 800]
    assert found.size == source.asked[-1]
    assert abs(found.lower(0.95) - near - 0.05) >= 2 * found.lower_error(0.95)


def test_a_bound_on_the_threshold_takes_the_most_there_are() -> None:
    source = Source()
    found = settle(source, threshold=source(3000).lower(0.95), confidence=0.95, first=1000, most=3000)
    assert source.asked == [3000, 1000, 2000, 3000]
    assert found.size == 3000
