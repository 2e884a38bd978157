"""Metrics that come as series: the public counter-examples to another judge, and series that say nothing."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest

from pytest_mlops.records.serving import JudgeSettings
from pytest_mlops.rollout.canary import JudgeVerdict, Series, judge_series

SETTINGS = JudgeSettings()

# spinnaker/spinnaker#6278, spinnaker/kayenta#780 (case 1) and spinnaker/kayenta#426: each passes there.
SEVENTY_TIMES = Series(metric="m", baseline=[1.0] * 10, canary=[100.0] * 7 + [1.0] * 3)
OTHER_SPREAD = Series(
    metric="m",
    baseline=[1, 100, 4, 101, 5, 102, 6, 103, 7, 104, 8, 105, 9, 106, 17],
    canary=[10, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6, 17, 17.1, 17.2, 17.3, 17.4, 17.5, 17.6, 17.7],
)
FOUR_ERRORS = Series(metric="m", baseline=[0.0] * 6, canary=[0.0, 1.0, 2.0, 1.0, 0.0, 0.0], kind="count")


def test_seven_of_ten_points_a_hundred_times_as_high_roll_back() -> None:
    found = judge_series(SETTINGS, [SEVENTY_TIMES])
    assert found.verdict is JudgeVerdict.ROLLBACK
    assert found.findings[0].shift == 99.0
    assert "the old one's did not vary" in found.reasons[0]


def test_the_same_median_with_another_spread_rolls_back() -> None:
    found = judge_series(SETTINGS, [OTHER_SPREAD])
    assert found.verdict is JudgeVerdict.ROLLBACK
    assert found.findings[0].shift == 0.0
    assert found.findings[0].spread == pytest.approx(0.073, abs=0.001)


def test_four_errors_against_none_do_not_promote_and_by_the_exact_test_do_not_roll_back() -> None:
    found = judge_series(SETTINGS, [FOUR_ERRORS])
    assert found.verdict is JudgeVerdict.HOLD
    assert found.findings[0].rollback is not None
    assert found.findings[0].rollback.value == pytest.approx(1 / 16)


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05, 0.1])
@pytest.mark.parametrize("kind", ["value", "count"])
def test_four_errors_against_none_never_promote(alpha: float, kind: Literal["value", "count"]) -> None:
    series = Series(metric="m", baseline=FOUR_ERRORS.baseline, canary=FOUR_ERRORS.canary, kind=kind)
    settings = JudgeSettings(alpha_rollback=alpha, alpha_promote=0.4)
    assert judge_series(settings, [series]).verdict is not JudgeVerdict.PROMOTE


def latency(rise: float, *, widen: float = 1.0, n: int = 60, seed: int = 0) -> Series:
    rng = np.random.default_rng(seed)
    old, new = rng.normal(100, 10, n), rng.normal(100 * (1 + rise), 10 * widen, n)
    return Series(metric="latency", baseline=old.tolist(), canary=new.tolist(), bad="increase")


def test_values_that_are_alike_promote() -> None:
    assert judge_series(SETTINGS, [latency(0.0)]).verdict is JudgeVerdict.PROMOTE


def test_a_quarter_more_latency_rolls_back() -> None:
    assert judge_series(SETTINGS, [latency(0.25)]).verdict is JudgeVerdict.ROLLBACK


def test_a_wider_spread_rolls_back_in_any_direction() -> None:
    assert judge_series(SETTINGS, [latency(0.0, widen=3.0)]).verdict is JudgeVerdict.ROLLBACK


def test_only_the_bad_direction_rolls_back() -> None:
    faster = latency(-0.25)
    assert judge_series(SETTINGS, [faster]).verdict is JudgeVerdict.PROMOTE
    for bad in ("decrease", "either"):
        series = Series(metric="m", baseline=faster.baseline, canary=faster.canary, bad=bad)
        assert judge_series(SETTINGS, [series]).verdict is JudgeVerdict.ROLLBACK


def test_a_shift_that_is_acceptable_does_not_roll_back_however_sure() -> None:
    sure = latency(0.03, n=2000)
    assert judge_series(SETTINGS, [sure]).verdict is JudgeVerdict.PROMOTE
    strict = Series(
        metric="m", baseline=sure.baseline, canary=sure.canary, bad="increase", acceptable_shift=0.01
    )
    assert judge_series(SETTINGS, [strict]).verdict is JudgeVerdict.ROLLBACK


def test_counts_that_rose_roll_back_and_counts_that_did_not_promote() -> None:
    rng = np.random.default_rng(4)
    old, same, more = rng.poisson(4, 60), rng.poisson(4, 60), rng.poisson(9, 60)
    for new, verdict in ((same, JudgeVerdict.PROMOTE), (more, JudgeVerdict.ROLLBACK)):
        series = Series(metric="m", baseline=old.tolist(), canary=new.tolist(), kind="count")
        assert judge_series(SETTINGS, [series]).verdict is verdict


def test_counts_in_bursts_count_for_less() -> None:
    steady = Series(metric="m", baseline=[2] * 20, canary=[4] * 20, kind="count")
    bursts = Series(metric="m", baseline=[2] * 20, canary=[80] + [0] * 19, kind="count")
    assert judge_series(SETTINGS, [steady]).verdict is JudgeVerdict.ROLLBACK
    assert judge_series(SETTINGS, [bursts]).verdict is JudgeVerdict.HOLD


def test_few_points_do_not_promote() -> None:
    few = Series(
        metric="m", baseline=[10, 11, 13, 11], canary=[10, 11, 13, 11.5], harmful_shift=2.0, min_points=5
    )
    settings = JudgeSettings(harmful_ratio=100.0, alpha_promote=0.2)
    found = judge_series(settings, [few])
    assert found.verdict is JudgeVerdict.HOLD
    assert "5 of each version are needed" in found.reasons[0]
    enough = Series(metric="m", baseline=few.baseline, canary=few.canary, harmful_shift=2.0, min_points=4)
    assert judge_series(settings, [enough]).verdict is JudgeVerdict.PROMOTE


def test_a_constant_says_nothing_about_spread() -> None:
    flat = Series(metric="m", baseline=[5.0] * 50, canary=[5.0] * 50)
    assert judge_series(SETTINGS, [flat]).verdict is JudgeVerdict.HOLD


@pytest.mark.parametrize(
    ("old", "new", "kind", "reason"),
    [
        ([], [1.0], "value", "the old version has no points"),
        ([1.0], [], "value", "the new version has no points"),
        ([1.0], [math.nan, math.inf], "value", "2 points of the new version are no numbers"),
        ([1.0], [-1.0], "count", "points of the new version are no counts"),
        ([0.5], [1.0], "count", "points of the old version are no counts"),
        ([1.0] * 5001, [1.0], "value", "the old version has 5,001 points; sum up to at most 5,000"),
    ],
)
def test_series_that_can_not_be_judged_are_hold(
    old: list[float], new: list[float], kind: Literal["value", "count"], reason: str
) -> None:
    broken = Series(metric="m", baseline=old, canary=new, kind=kind)
    assert judge_series(SETTINGS, [broken]).reasons == (f"m: {reason}",)
    assert judge_series(SETTINGS, [latency(0.0), broken]).verdict is JudgeVerdict.HOLD
    assert judge_series(SETTINGS, [latency(0.25), broken]).verdict is JudgeVerdict.ROLLBACK


def test_no_metric_at_all_is_hold() -> None:
    assert judge_series(SETTINGS, []).verdict is JudgeVerdict.HOLD


def test_ten_series_that_are_alike_rarely_roll_back() -> None:
    rng = np.random.default_rng(6)
    settings = JudgeSettings(alpha_rollback=0.05)
    rolled = 0
    for _ in range(60):
        drawn = rng.normal(10, 1, (10, 2, 20)).tolist()
        series = [
            Series(metric=str(i), baseline=old, canary=new, acceptable_shift=0.0)
            for i, (old, new) in enumerate(drawn)
        ]
        rolled += judge_series(settings, series).verdict is JudgeVerdict.ROLLBACK
    assert rolled / 60 <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5
