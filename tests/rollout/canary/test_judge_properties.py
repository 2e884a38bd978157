"""What holds of the judge for any counts."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_mlops.records.serving import JudgeSettings
from pytest_mlops.rollout.canary import CanaryJudgement, CanaryVerdict, StepTally, VersionTally, judge

MODES: tuple[Literal["sequential", "single_look"], ...] = ("sequential", "single_look")
BROKEN = st.sampled_from([None, math.nan, math.inf, -1, True, 10**9])


@st.composite
def tallies(draw: st.DrawFn) -> VersionTally:
    requests = draw(st.integers(0, 20_000))
    errors = draw(st.integers(0, min(requests, 50)))
    return VersionTally(
        requests=requests, errors=errors, slow=draw(st.integers(0, min(requests - errors, 200)))
    )


STEPS = st.lists(
    st.builds(StepTally, share=st.floats(0.01, 0.99), baseline=tallies(), canary=tallies()),
    min_size=1,
    max_size=3,
)


def judged(steps: list[StepTally], mode: Literal["sequential", "single_look"]) -> CanaryJudgement:
    return judge(JudgeSettings(mode=mode), steps)


@settings(max_examples=60, deadline=None)
@given(STEPS, BROKEN, st.sampled_from(["errors", "slow", "requests"]), st.sampled_from(MODES), st.booleans())
def test_a_broken_count_never_promotes(
    steps: list[StepTally], broken: Any, field: str, mode: Literal["sequential", "single_look"], canary: bool
) -> None:
    version = "canary" if canary else "baseline"
    assume(not (field == "requests" and broken == 10**9))
    worse = dataclasses.replace(getattr(steps[-1], version), **{field: broken})
    found = judged([*steps[:-1], dataclasses.replace(steps[-1], **{version: worse})], mode)
    assert found.verdict is not CanaryVerdict.PROMOTE
    assert found.reasons


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from(MODES))
def test_what_is_promoted_has_evidence_in_every_metric_and_traffic_of_both(
    steps: list[StepTally], mode: Literal["sequential", "single_look"]
) -> None:
    found = judged(steps, mode)
    promotes = [each.promote is not None and each.promote.met for each in found.findings]
    if found.verdict is CanaryVerdict.PROMOTE:
        assert all(promotes)
        assert min(steps[-1].baseline.requests, steps[-1].canary.requests) >= 100
    assert len(found.findings) == 2
    assert found.reasons


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 40), st.sampled_from(MODES))
def test_more_errors_of_the_canary_never_help_it(
    steps: list[StepTally], more: int, mode: Literal["sequential", "single_look"]
) -> None:
    last = steps[-1]
    errors = (last.canary.errors or 0) + more
    assume(errors <= last.canary.requests)
    worse = dataclasses.replace(last, canary=dataclasses.replace(last.canary, errors=errors, slow=0))
    same = dataclasses.replace(last, canary=dataclasses.replace(last.canary, slow=0))
    before, after = (judged([*steps[:-1], each], mode).findings[0] for each in (same, worse))
    if before.promote is None or after.promote is None or before.rollback is None or after.rollback is None:
        return
    slack = 1 + 1e-9
    if mode == "sequential":
        assert after.promote.value <= before.promote.value * slack
    else:
        assert after.promote.value >= before.promote.value / slack
    if before.rollback.met:
        assert after.rollback.met


@settings(max_examples=40, deadline=None)
@given(STEPS, st.sampled_from(MODES))
def test_the_order_of_metrics_changes_no_verdict(
    steps: list[StepTally], mode: Literal["sequential", "single_look"]
) -> None:
    turned = judge(JudgeSettings(mode=mode, metrics=("slow", "errors")), steps)
    assert turned.verdict is judged(steps, mode).verdict
    assert {each.metric for each in turned.findings} == {"errors", "slow"}
