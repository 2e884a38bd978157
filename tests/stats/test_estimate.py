"""Estimates: a value or a reason, never both, never neither."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlops.stats.estimate import Estimate


@pytest.mark.parametrize("fields", [{}, {"value": 0.5, "undefined": "no examples"}])
def test_an_estimate_is_a_value_or_a_reason(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="either a value, or undefined"):
        Estimate(n=3, **fields)  # type: ignore[arg-type]


def test_successes_without_trials_are_no_share() -> None:
    with pytest.raises(ValueError, match="both successes and trials"):
        Estimate(value=0.5, n=3, successes=1)


def test_a_share_keeps_its_counts() -> None:
    share = Estimate.share(9, 10)
    assert (share.value, share.n, share.successes, share.trials) == (0.9, 10, 9, 10)


def test_a_share_of_a_part_says_how_many_were_looked_at() -> None:
    assert Estimate.share(3, 4, n=100).n == 100


def test_a_mean_carries_its_standard_error() -> None:
    mean = Estimate.mean(np.array([0.0, 2.0]))
    assert (mean.value, mean.n, mean.stderr) == (1.0, 2, 1.0)


def test_one_value_has_no_standard_error() -> None:
    assert Estimate.mean(np.array([0.4])).stderr is None
