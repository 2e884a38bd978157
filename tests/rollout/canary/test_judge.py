"""PROMOTE, ROLLBACK and HOLD by sequential evidence."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from pytest_mlops.records.serving import JudgeSettings
from pytest_mlops.rollout.canary import CanaryEvidence, CanaryVerdict, StepTally, VersionTally, judge
from pytest_mlops.stats.beta_mixture import log_e_below

SETTINGS = JudgeSettings()
ERRORS = JudgeSettings(metrics=("errors",))
RATIO_ONLY = JudgeSettings(metrics=("errors",), tolerable_rate=0.0)


def step(old: tuple[Any, ...], new: tuple[Any, ...], share: float = 0.1) -> StepTally:
    """Build a step from (requests, errors, slow) of the old and the new version."""
    tallies = [
        VersionTally(requests=counts[0], errors=counts[1], slow=counts[2] if len(counts) > 2 else None)
        for counts in (old, new)
    ]
    return StepTally(share=share, baseline=tallies[0], canary=tallies[1])


GOOD = step((90_000, 90, 900), (10_000, 10, 100))


def test_a_version_that_is_as_good_is_promoted() -> None:
    found = judge(SETTINGS, [GOOD])
    assert found.verdict is CanaryVerdict.PROMOTE
    assert [each.verdict for each in found.findings] == [CanaryVerdict.PROMOTE] * 2
    assert found.findings[1].ratio == pytest.approx(1.0, abs=0.01)


def test_a_version_that_is_worse_in_one_metric_is_rolled_back_with_its_reason() -> None:
    found = judge(SETTINGS, [step((9000, 9, 90), (1000, 12, 10))])
    assert found.verdict is CanaryVerdict.ROLLBACK
    assert len(found.reasons) == 1
    assert found.reasons[0].startswith(
        "errors: 12 of 1,000 with the new version, 9 of 9,000 with the old one"
    )
    assert found.findings[1].verdict is CanaryVerdict.HOLD


def test_too_little_evidence_is_hold_and_says_how_much_is_missing() -> None:
    found = judge(RATIO_ONLY, [step((9000, 45), (1000, 5))])
    assert found.verdict is CanaryVerdict.HOLD
    assert "more requests with" in found.reasons[0]


def test_the_forecast_is_what_would_decide() -> None:
    found = judge(RATIO_ONLY, [step((9000, 45), (1000, 5))]).reasons[0]
    more = int(found.split("about ")[1].split(" ")[0].replace(",", ""))
    longer = 1 + more / 10_000
    enough = step((round(9000 * longer), round(45 * longer)), (round(1000 * longer), round(5 * longer)))
    short = step((9000 * 2, 45 * 2), (1000 * 2, 5 * 2))
    assert judge(RATIO_ONLY, [enough]).verdict is CanaryVerdict.PROMOTE
    assert longer > 2
    assert judge(RATIO_ONLY, [short]).verdict is CanaryVerdict.HOLD


def test_what_cannot_be_distinguished_soon_is_stated() -> None:
    settings = JudgeSettings(metrics=("errors",), tolerable_rate=0.0, acceptable_ratio=1.99)
    found = judge(settings, [step((9000, 5), (1001, 1))])
    assert "no number of requests would decide soon" not in found.reasons[0]
    lone = judge(RATIO_ONLY, [step((9000, 0), (1000, 0))])
    assert "no number of requests would decide soon" in lone.reasons[0]


def test_steps_with_different_shares_add_their_evidence() -> None:
    first, second = step((9000, 45), (1000, 5)), step((5000, 25), (5000, 25), 0.5)
    alone = [judge(RATIO_ONLY, [each]).findings[0].promote for each in (first, second)]
    both = judge(RATIO_ONLY, [first, second]).findings[0].promote
    assert both is not None
    assert both.value == pytest.approx(np.prod([each.value for each in alone if each]), rel=1e-9)


def test_the_newest_step_needs_traffic_of_its_own() -> None:
    found = judge(SETTINGS, [GOOD, step((50, 0, 0), (50, 0, 0), 0.5)])
    assert found.verdict is CanaryVerdict.HOLD
    assert found.reasons == (
        "the old version has answered 50 requests in this step; 100 are needed",
        "the new version has answered 50 requests in this step; 100 are needed",
    )


def test_without_any_error_the_rate_itself_is_bounded() -> None:
    assert judge(ERRORS, [step((4500, 0), (500, 0))]).verdict is CanaryVerdict.PROMOTE
    assert judge(ERRORS, [step((900, 0), (100, 0))]).verdict is CanaryVerdict.HOLD
    assert judge(RATIO_ONLY, [step((900_000, 0), (100_000, 0))]).verdict is CanaryVerdict.HOLD


def test_evidence_by_ratio_and_by_rate_is_their_mean() -> None:
    both, ratio = (
        judge(each, [step((4500, 0), (500, 0))]).findings[0].promote for each in (ERRORS, RATIO_ONLY)
    )
    assert both is not None
    assert ratio is not None
    rate = math.exp(float(log_e_below(0, 500, 0.01, (0.5, 1.0))))
    assert ratio.value == 1.0
    assert both.value == pytest.approx((rate + 1.0) / 2)


@pytest.mark.parametrize("sequential", [True, False])
def test_evidence_that_is_no_number_meets_nothing(*, sequential: bool) -> None:
    assert not CanaryEvidence(value=math.nan, threshold=20.0, sequential=sequential).met


def test_a_stricter_rate_takes_more_requests() -> None:
    strict = JudgeSettings(metrics=("errors",), tolerable_rate=0.001)
    assert judge(strict, [step((4500, 0), (500, 0))]).verdict is CanaryVerdict.HOLD
    assert judge(strict, [step((45_000, 0), (5000, 0))]).verdict is CanaryVerdict.PROMOTE


def test_a_low_rate_that_has_by_all_appearances_risen_is_not_promoted_for_being_low() -> None:
    found = judge(ERRORS, [step((18_000, 0), (2000, 3))])
    assert found.verdict is CanaryVerdict.HOLD
    assert found.findings[0].promote is not None
    assert found.findings[0].promote.value < 1


def test_a_ratio_that_no_rate_can_have_is_not_ruled_out() -> None:
    found = judge(SETTINGS, [step((9000, 0, 5400), (1000, 0, 600))])
    assert found.verdict is CanaryVerdict.HOLD
    assert "60% of the old version's are bad" in found.reasons[0]


def test_a_canary_that_gets_less_traffic_than_meant_is_not_taken_for_good() -> None:
    """At the weight it looks as if it had half the rate; it has the same rate and half of the requests."""
    starved = step((19_000, 1900), (1000, 200))
    assert judge(ERRORS, [starved]).verdict is not CanaryVerdict.PROMOTE
    fed = step((18_000, 1900), (2000, 200))
    assert judge(ERRORS, [fed]).verdict is CanaryVerdict.PROMOTE


def test_a_canary_that_gets_more_traffic_than_meant_is_not_taken_for_bad() -> None:
    assert judge(ERRORS, [step((8000, 80), (2000, 20))]).verdict is not CanaryVerdict.ROLLBACK


def test_a_step_without_requests_of_the_canary_says_nothing_for_it() -> None:
    idle = step((90_000, 900), (0, 0))
    with_idle, without = (
        judge(RATIO_ONLY, [idle, step((900, 9), (100, 1))]),
        judge(RATIO_ONLY, [step((900, 9), (100, 1))]),
    )
    first, second = with_idle.findings[0].promote, without.findings[0].promote
    assert first is not None
    assert second is not None
    assert first.value <= second.value


def test_evidence_of_several_metrics_together_rolls_back() -> None:
    """Each has about 1.1 times 1/alpha: not enough for one of two, and enough for their mean."""
    found = judge(SETTINGS, [step((9000, 4, 4), (1000, 5, 5))])
    assert found.verdict is CanaryVerdict.ROLLBACK
    assert found.reasons[0].startswith("all metrics together")
    assert all(each.verdict is CanaryVerdict.HOLD for each in found.findings)


def test_a_metric_that_is_missing_weakens_the_mean() -> None:
    alone = judge(SETTINGS, [step((9000, 4, None), (1000, 5, None))])
    assert alone.verdict is CanaryVerdict.HOLD


def test_harm_rolls_back_though_another_metric_is_missing() -> None:
    found = judge(SETTINGS, [step((9000, 9, None), (1000, 12, None))])
    assert found.verdict is CanaryVerdict.ROLLBACK


def test_only_the_canary_fails() -> None:
    found = judge(ERRORS, [step((900, 0), (100, 20))])
    assert found.verdict is CanaryVerdict.ROLLBACK
    assert found.findings[0].ratio is None
    assert "only the new version has any" in found.reasons[0]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([], "no traffic has been counted"),
        ([step((0, 0), (0, 0))], "the old version has answered nothing yet"),
        ([step((900, 0), (0, 0))], "the new version has answered nothing yet"),
        ([step((9000, None), (1000, 0))], "the number of errors is not known"),
        ([step((None, 0), (1000, 0))], "the number of requests is not known"),
        ([step((9000, -1), (1000, 0))], "errors is -1; counts never fall"),
        ([step((9000, 9001), (1000, 0))], "9001 bad events in 9000 requests"),
        ([step((9000, math.nan), (1000, 0))], "errors is nan, which is not a count"),
        ([step((9000, True), (1000, 0))], "errors is True, which is not a count"),
        ([step((9000, 0), (math.inf, 0))], "requests is inf, which is not a count"),
        ([step((9000, 0), (1000, 0), 0.0)], "a share of 0.0"),
        ([step((9000, 0), (1000, 0), 1.0)], "a share of 1.0"),
        ([step((9000, 0), (1000, 0), math.nan)], "a share of nan"),
    ],
)
def test_nothing_to_judge_by_is_hold_with_its_reason(steps: list[StepTally], reason: str) -> None:
    for mode in ("sequential", "single_look"):
        settings = JudgeSettings.model_validate({"metrics": ("errors",), "mode": mode})
        found = judge(settings, steps)
        assert found.verdict is CanaryVerdict.HOLD
        assert reason in found.reasons[0]


@pytest.mark.parametrize("metric", ["errors", "slow"])
def test_every_metric_must_be_there_to_promote(metric: str) -> None:
    assert judge(SETTINGS, [GOOD]).verdict is CanaryVerdict.PROMOTE
    missing: dict[str, Any] = {metric: None}
    without = dataclasses.replace(GOOD, canary=dataclasses.replace(GOOD.canary, **missing))
    assert judge(SETTINGS, [without]).verdict is CanaryVerdict.HOLD


def test_slow_answers_are_a_share_of_the_answers() -> None:
    more_than_answered = judge(SETTINGS, [step((9000, 100, 90), (1000, 400, 601))])
    assert more_than_answered.findings[1].message.endswith("601 bad events in 600 requests")
    found = judge(SETTINGS, [step((9000, 100, 90), (1000, 20, 10))])
    assert found.findings[1].canary_requests == 980


def test_a_judgement_is_json_however_large_its_evidence() -> None:
    found = judge(ERRORS, [step((90_000, 0), (10_000, 9_999))])
    text = json.dumps(dataclasses.asdict(found), allow_nan=False)
    assert json.loads(text)["verdict"] == "rollback"
