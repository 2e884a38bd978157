"""One look at the end of a step: exact tests given the number of bad events."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from pytest_mlops.records.serving import JudgeSettings
from pytest_mlops.rollout.canary import CanaryVerdict, StepTally, VersionTally, judge

SETTINGS = JudgeSettings(mode="single_look")
ERRORS = JudgeSettings(mode="single_look", metrics=("errors",))


def step(old: tuple[int, int, int], new: tuple[int, int, int], share: float = 0.1) -> StepTally:
    tallies = [VersionTally(requests=counts[0], errors=counts[1], slow=counts[2]) for counts in (old, new)]
    return StepTally(share=share, baseline=tallies[0], canary=tallies[1])


def test_a_rate_that_rose_rolls_back_by_the_exact_test() -> None:
    found = judge(ERRORS, [step((9000, 9, 0), (1000, 8, 0))])
    assert found.verdict is CanaryVerdict.ROLLBACK
    rollback = found.findings[0].rollback
    assert rollback is not None
    assert rollback.value == pytest.approx(binom.sf(7, 17, 0.1))
    assert rollback.threshold == 0.005


def test_metrics_are_one_family() -> None:
    one, two = (judge(settings, [step((9000, 9, 90), (1000, 8, 10))]) for settings in (ERRORS, SETTINGS))
    first, second = one.findings[0].rollback, two.findings[0].rollback
    assert first is not None
    assert second is not None
    assert second.value == pytest.approx(2 * first.value)


def test_each_step_is_looked_at_by_itself_at_half_the_level_of_the_one_before() -> None:
    good, bad = step((9000, 9, 0), (1000, 1, 0)), step((9000, 9, 0), (1000, 12, 0))
    found = judge(ERRORS, [bad, good])
    assert found.verdict is CanaryVerdict.PROMOTE
    rollback = found.findings[0].rollback
    assert rollback is not None
    assert rollback.threshold == 0.0025


def test_few_events_promote_by_the_rate_and_not_by_the_ratio() -> None:
    few = step((9000, 0, 0), (1000, 1, 0))
    assert judge(ERRORS, [few]).verdict is CanaryVerdict.PROMOTE
    ratio = JudgeSettings(mode="single_look", metrics=("errors",), tolerable_rate=0.0)
    assert judge(ratio, [few]).verdict is CanaryVerdict.HOLD


def test_the_smaller_of_two_ways_to_promote_counts_twice() -> None:
    promote = judge(ERRORS, [step((9000, 0, 0), (1000, 1, 0))]).findings[0].promote
    assert promote is not None
    assert promote.value == pytest.approx(2 * binom.cdf(1, 1000, 0.01))


def test_four_events_against_none_neither_promote_nor_roll_back() -> None:
    found = judge(ERRORS, [step((600, 0, 0), (600, 4, 0), 0.5)])
    assert found.verdict is CanaryVerdict.HOLD
    assert "p value of 0.062 where at most 0.005 does" in found.reasons[0]


def test_a_ratio_that_no_rate_can_have_is_not_ruled_out() -> None:
    assert judge(ERRORS, [step((9000, 6000, 0), (1000, 300, 0))]).verdict is CanaryVerdict.HOLD


def test_a_canary_without_an_answer_that_was_right() -> None:
    found = judge(ERRORS, [step((9000, 9, 0), (1000, 1000, 0))])
    assert found.verdict is CanaryVerdict.ROLLBACK


def test_without_requests_of_one_version_in_the_step_nothing_follows() -> None:
    earlier = step((9000, 9, 0), (1000, 1, 0))
    assert judge(ERRORS, [earlier, step((0, 0, 0), (1000, 500, 0))]).verdict is CanaryVerdict.HOLD
    assert judge(ERRORS, [earlier, step((0, 0, 0), (0, 0, 0))]).verdict is CanaryVerdict.HOLD


def test_levels_are_kept_at_their_boundaries() -> None:
    rng = np.random.default_rng(1)
    rolled = promoted = 0
    for _ in range(400):
        old, new = rng.binomial(4500, 0.02), rng.binomial(500, [0.02, 0.04])
        as_good = step((4500, int(old), 0), (500, int(new[0]), 0))
        harmful = step((4500, int(old), 0), (500, int(new[1]), 0))
        rolled += judge(ERRORS, [as_good]).verdict is CanaryVerdict.ROLLBACK
        promoted += judge(ERRORS, [harmful]).verdict is CanaryVerdict.PROMOTE
    assert rolled / 400 <= 0.005 + 3 * (0.005 / 400) ** 0.5
    assert 0 < promoted / 400 <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5
