"""The judge: how findings become one judgement."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.decision.judge import judge
from pytest_mlops.records.integration import CodeQuality, GateJudgement
from pytest_mlops.records.measurement import Measurement, Origin
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Policy
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult, TestResults
from pytest_mlops.verdict import Context, Decision, Verdict

TODAY = date(2026, 6, 15)
MODEL = ModelVersion(model_id="risk", version_id="1", digest="a" * 64)
OWED = {"configured": True, "requirements": [{"capability": "rank"}]}
FAILING_RULE = {"metric": "accuracy", "min": 0.99}


def case(name: str, outcome: str = "passed") -> TestResult:
    ran = outcome in {"passed", "failed"}
    return TestResult(
        test_name=name,
        passed=outcome in {"passed", "xpassed"},
        outcome=Outcome(outcome),
        conclusive=ran,
        covers=("rank:all",),
        evidence={"all": 100} if ran else {},
    )


def reach(
    policy: dict[str, Any],
    *outcomes: str,
    context: Context = Context.LOCAL,
    session: SessionFacts | None = None,
    ordinary: OrdinaryTests | None = None,
    model: ModelVersion | None = MODEL,
) -> GateJudgement:
    results = tuple(case(f"t{index}", outcome) for index, outcome in enumerate(outcomes))
    accuracy = Measurement(name="accuracy", value=0.9, n=100, origin=Origin.METRIC, test="t0")
    return judge(
        results=TestResults(
            results=results,
            session=session or SessionFacts(),
            ordinary=ordinary or OrdinaryTests(),
            **count_outcomes(results),
        ),
        measurements=[accuracy],
        code_quality=CodeQuality(),
        model_version=model,
        policy=Policy.model_validate(policy),
        context=context,
        today=TODAY,
    )


def test_a_whole_run_passes() -> None:
    found = reach(OWED, "passed")
    assert (found.success, found.verdict, found.decision, found.reasons) == (
        True,
        Verdict.PASS,
        Decision.ALLOW,
        (),
    )
    assert (found.coverage, found.pass_rate) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("policy", "model"),
    [
        ({}, MODEL),
        ({"configured": True}, MODEL),
        (OWED, None),
        (OWED, MODEL.model_copy(update={"digest": None})),
    ],
)
def test_without_config_requirements_or_model_bytes_nothing_is_deployable(
    policy: dict[str, Any], model: ModelVersion | None
) -> None:
    found = reach(policy, "passed", model=model)
    assert found.success
    assert not found.deployable
    assert reach(OWED, "passed").deployable


def test_a_failed_verdict_is_never_deployable() -> None:
    assert not reach(OWED, "failed").deployable


def test_a_blocking_rule_that_fails_fails_the_run() -> None:
    found = reach(OWED | {"rules": [FAILING_RULE]}, "passed")
    assert found.verdict is Verdict.FAIL
    assert "accuracy = 0.9" in found.reasons[0].text


def test_a_reporting_rule_is_shown_and_decides_nothing() -> None:
    found = reach(OWED | {"rules": [FAILING_RULE | {"severity": "report"}]}, "passed")
    assert found.verdict is Verdict.PASS
    assert found.rules[0].verdict is Verdict.FAIL


WAIVER = {"rule": "accuracy", "scope": "*", "reason": "known", "approver": "Ada", "expires": "2026-12-31"}


@pytest.mark.parametrize(
    ("context", "accepted", "decision"),
    [
        (Context.LOCAL, False, Decision.ALLOW),
        (Context.PULL_REQUEST, False, Decision.ALLOW),
        (Context.RELEASE, False, Decision.BLOCK),
        (Context.RELEASE, True, Decision.ALLOW),
    ],
)
def test_a_waived_run_is_released_only_where_the_environment_says_so(
    context: Context, accepted: bool, decision: Decision
) -> None:
    policy = OWED | {"rules": [FAILING_RULE], "waivers": [WAIVER], "accept_waived": accepted}
    found = reach(policy, "passed", context=context)
    assert (found.verdict, found.success, found.decision) == (Verdict.WAIVED, True, decision)


def test_incomplete_leads_and_what_failed_is_still_listed() -> None:
    found = reach(OWED, "passed", "failed", "not_run")
    assert found.verdict is Verdict.INCOMPLETE
    ranks = [reason.verdict.rank for reason in found.reasons]
    assert ranks == sorted(ranks, reverse=True)
    assert Verdict.FAIL in {reason.verdict for reason in found.reasons}


BREAKS = [
    SessionFacts(interrupted="Ctrl-C"),
    SessionFacts(collection_errors=("t.py",)),
    SessionFacts(lost_workers=("gw0",)),
    SessionFacts(artifact="the model changed"),
    SessionFacts(code={"ruff": "unreadable"}),
]


@pytest.mark.parametrize("facts", BREAKS)
def test_a_broken_run_is_incomplete_and_narrowing_excuses_nothing(facts: SessionFacts) -> None:
    narrowed = facts.model_copy(update={"narrowed_by": ("-k 'x'",)})
    for session in (facts, narrowed):
        found = reach(OWED, "passed", "deselected", session=session)
        assert (found.verdict, found.decision) == (Verdict.INCOMPLETE, Decision.BLOCK)
        assert found.partial is None


@pytest.mark.parametrize(
    ("context", "decision", "partial"),
    [
        (Context.LOCAL, Decision.ALLOW, "1 of 2"),
        (Context.PULL_REQUEST, Decision.BLOCK, None),
        (Context.RELEASE, Decision.BLOCK, None),
    ],
)
def test_a_narrowed_run_has_no_verdict_at_the_keyboard_and_blocks_elsewhere(
    context: Context, decision: Decision, partial: str | None
) -> None:
    session = SessionFacts(narrowed_by=("-k 'x'",))
    found = reach(OWED, "passed", "deselected", session=session, context=context)
    assert (found.verdict, found.decision, found.partial) == (Verdict.INCOMPLETE, decision, partial)
    assert not found.success


def test_a_rule_on_a_number_that_a_narrowed_run_did_not_make_is_no_failure_of_it() -> None:
    policy = OWED | {"rules": [{"metric": "recall", "min": 0.9}]}
    session = SessionFacts(narrowed_by=("-k 'x'",))
    assert reach(policy, "passed", "deselected", session=session).decision is Decision.ALLOW
    assert reach(policy, "passed").decision is Decision.BLOCK


def test_tests_left_out_before_collection_are_missing() -> None:
    session = SessionFacts(narrowed_by=("--lf",), uncollected=("--lf",))
    found = reach(OWED, "passed", session=session)
    assert (found.verdict, found.partial) == (Verdict.INCOMPLETE, "1 of 1")


def test_a_failed_ordinary_test_fails_the_run_and_is_named() -> None:
    found = reach(OWED, "passed", ordinary=OrdinaryTests(total=4, failed=("a", "b", "c", "d")))
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0].text == "ordinary tests failed: a, b, c and 1 more"


def test_two_writers_of_one_number_fail_the_run() -> None:
    found = reach(OWED, "passed", session=SessionFacts(conflicts=("a and b wrote accuracy",)))
    assert found.verdict is Verdict.FAIL


def test_under_release_a_claim_without_a_number_covers_nothing() -> None:
    bare = case("t").model_copy(update={"evidence": {}})
    for context, verdict in ((Context.LOCAL, Verdict.PASS), (Context.RELEASE, Verdict.FAIL)):
        found = judge(
            results=TestResults(results=(bare,), total_tests=1, passed_tests=1),
            measurements=(),
            code_quality=CodeQuality(),
            model_version=None,
            policy=Policy.model_validate(OWED),
            context=context,
            today=TODAY,
        )
        assert found.verdict is verdict


def test_every_outcome_is_counted_once() -> None:
    results = [case(f"t{index}", outcome) for index, outcome in enumerate(Outcome)]
    counts = count_outcomes(results)
    total = counts.pop("total_tests")
    assert total == len(Outcome) == sum(counts.values())


def test_a_run_of_flaky_tests_alone_is_undecided() -> None:
    found = reach({"configured": True}, "flaky")
    assert (found.verdict, found.pass_rate) == (Verdict.UNDECIDED, None)
