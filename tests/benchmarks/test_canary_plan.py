"""The operating table of the canary's two tests, exact by dynamic programming."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks._canary_plan import CanaryPlan
from pytest_mlops.stats.rate_ratio import BadEvents, log_e_better, log_e_worse

TABLE = (
    (1.0, 2.0, 0.5, "0.0001", "0.9999", "48.7"),
    (1.0, 2.0, 1.0, "0.0056", "0.9944", "134.6"),
    (1.0, 2.0, 1.5, "0.478", "0.522", "319.8"),
    (1.0, 2.0, 2.0, "0.963", "0.037", "179.1"),
    (1.0, 2.0, 3.0, "0.998", "0.002", "60.5"),
    (1.0, 2.0, 5.0, "1.000", "0.000", "23.7"),
    (1.0, 1.5, 1.0, "0.0059", "0.956", "435"),
    (1.2, 2.0, 1.2, "0.0063", "0.994", "232.7"),
)


@pytest.mark.parametrize(("acceptable", "harmful", "ratio", "rollback", "promote", "events"), TABLE)
def test_operating_table_to_the_digits_that_are_specified(
    acceptable: float, harmful: float, ratio: float, rollback: str, promote: str, events: str
) -> None:
    found = CanaryPlan(share=0.1, acceptable=acceptable, harmful=harmful).operating(ratio)
    numbers = (found.rollback, found.promote, found.events)
    for number, specified in zip(numbers, (rollback, promote, events), strict=True):
        digits = len(specified.partition(".")[2])
        assert number == pytest.approx(float(specified), abs=0.51 * 10.0**-digits, rel=0.001)


def test_what_is_neither_is_open() -> None:
    found = CanaryPlan(share=0.1, harmful=1.5).operating(1.0)
    assert found.undecided == pytest.approx(0.038, abs=0.0005)
    assert found.rollback + found.promote + found.undecided == pytest.approx(1.0)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_levels_are_kept_at_every_share_of_traffic(share: float) -> None:
    plan = CanaryPlan(share=share)
    assert plan.operating(1.0).rollback <= 0.01
    assert plan.operating(2.0).promote <= 0.05


def test_the_worse_the_version_the_more_often_it_is_rolled_back() -> None:
    plan = CanaryPlan(share=0.25, most_events=400)
    found = [plan.operating(ratio) for ratio in (0.5, 1.0, 1.5, 2.0, 4.0)]
    for better, worse in itertools.pairwise(found):
        assert better.rollback < worse.rollback
        assert better.promote > worse.promote


def test_boundaries_are_where_the_evidence_reaches_its_thresholds() -> None:
    rolls, promotes = CanaryPlan(share=0.1, most_events=60).boundaries()
    for n in range(61):
        events = [BadEvents(canary=k, total=n, share=0.1) for k in range(n + 1)]
        worse = [k for k in range(n + 1) if log_e_worse(events[k], 1.0) >= np.log(100)]
        better = [k for k in range(n + 1) if log_e_better(events[k], 2.0) >= np.log(20)]
        assert rolls[n] == (worse[0] if worse else n + 1)
        assert promotes[n] == (better[-1] if better else -1)


def test_expected_events_agree_with_canaries_that_are_drawn() -> None:
    plan = CanaryPlan(share=0.1)
    rolls, promotes = plan.boundaries()
    drawn = np.cumsum(np.random.default_rng(3).random((2000, 1200)) < 0.25, axis=1)
    ended = (drawn >= rolls[1:]) | (drawn <= promotes[1:])
    mean = float((ended.argmax(axis=1) + 1).mean())
    assert mean == pytest.approx(plan.operating(3.0).events, rel=0.05)
