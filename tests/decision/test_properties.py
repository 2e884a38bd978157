"""Laws of the gate that hold for every policy and every run."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.decision.judge import judge, judge_again
from pytest_mlops.records.codec import dump, load_integration_result, policy_digest
from pytest_mlops.records.integration import CodeQuality, GateJudgement, IntegrationResult, Provenance
from pytest_mlops.records.measurement import Measurement, Origin
from pytest_mlops.records.policy import (
    GateSettings,
    Policy,
    QualityMetric,
    QualitySettings,
    QualityWeights,
    Requirement,
    Waiver,
)
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult, TestResults
from pytest_mlops.records.rule import Rule
from pytest_mlops.verdict import Context, Decision, Verdict

if TYPE_CHECKING:
    from tests.conftest import Gate

TODAY = date(2026, 6, 15)
CELLS = ("rank:all", "rank:young", "fit:all")
NAMES = ("accuracy", "f1")
BODY_RAN = frozenset({Outcome.PASSED, Outcome.XPASSED, Outcome.FAILED, Outcome.XFAILED, Outcome.FLAKY})
NEVER_SETTLED = (Outcome.SKIPPED, Outcome.ERRORED, Outcome.CRASHED, Outcome.DESELECTED, Outcome.NOT_RUN)
TRUNCATED = frozenset({Outcome.CRASHED, Outcome.DESELECTED, Outcome.NOT_RUN})

# ---- runs and policies ----

shares = st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0])
sizes = st.none() | st.sampled_from([1, 29, 30, 500])


@st.composite
def one_test(draw: st.DrawFn, outcomes: st.SearchStrategy[Outcome], name: str) -> TestResult:
    outcome = draw(outcomes)
    conclusive = outcome in BODY_RAN
    evidence = draw(st.dictionaries(st.sampled_from(["all", "young"]), sizes)) if conclusive else {}
    return TestResult(
        test_name=name,
        passed=outcome in {Outcome.PASSED, Outcome.XPASSED},
        outcome=outcome,
        conclusive=conclusive,
        covers=tuple(draw(st.sets(st.sampled_from(CELLS)))),
        evidence=evidence,
    )


@st.composite
def runs(
    draw: st.DrawFn,
    outcomes: st.SearchStrategy[Outcome] = st.sampled_from(Outcome),  # noqa: B008 -- strategies are values
    least: int = 0,
    session: SessionFacts | None = None,
) -> TestResults:
    count = draw(st.integers(least, 5))
    return run_of([draw(one_test(outcomes, f"t{index}")) for index in range(count)], session)


def run_of(results: list[TestResult], session: SessionFacts | None = None) -> TestResults:
    return TestResults(
        results=tuple(results),
        session=session or SessionFacts(),
        ordinary=OrdinaryTests(),
        **count_outcomes(results),
    )


gates = st.builds(
    GateSettings,
    min_pass_rate=shares,
    min_coverage=shares,
    min_quality_score=shares,
    on_undecided=st.sampled_from(Decision),
    min_n=st.sampled_from([1, 30]),
    require_evidence=st.none() | st.booleans(),
)
requirements = st.sampled_from(
    [(), (Requirement(capability="rank", slices=("all", "young"), weight=2.0), Requirement(capability="fit"))]
)
rules = st.lists(
    st.builds(
        Rule,
        metric=st.sampled_from(NAMES),
        min=shares,
        confidence=st.none() | st.just(0.95),
        severity=st.sampled_from(["block", "report"]),
    ),
    max_size=2,
    unique_by=lambda rule: rule.metric,
).map(tuple)
waivers = st.lists(
    st.builds(
        Waiver,
        test=st.sampled_from(["t0", "t*", "elsewhere"]),
        scope=st.just("*"),
        reason=st.just("known"),
        approver=st.just("Ada"),
        expires=st.sampled_from(["2026-01-01", "2026-12-31"]),
    ),
    max_size=2,
).map(tuple)
qualities = st.builds(
    QualitySettings,
    weights=st.none() | st.just(QualityWeights(metrics=0.9, tests=0.1)),
    metrics=st.none() | st.just({"accuracy": QualityMetric(weight=1.0)}),
)
policies = st.builds(
    Policy, gate=gates, requirements=requirements, rules=rules, waivers=waivers, quality=qualities
)
without_waivers = policies.map(lambda policy: policy.model_copy(update={"waivers": ()}))
measurements = st.lists(
    st.builds(
        Measurement,
        name=st.sampled_from(NAMES),
        value=shares,
        origin=st.just(Origin.METRIC),
        test=st.just("t0"),
    ),
    max_size=2,
    unique_by=lambda measurement: measurement.name,
)
contexts = st.sampled_from(Context)


def reach(
    run: TestResults, policy: Policy, numbers: list[Measurement], context: Context = Context.LOCAL
) -> GateJudgement:
    return judge(
        results=run,
        measurements=numbers,
        code_quality=CodeQuality(),
        model_version=None,
        policy=policy,
        context=context,
        today=TODAY,
    )


# ---- fail closed ----


@settings(max_examples=100)
@given(policies, measurements, contexts)
def test_nothing_at_all_never_succeeds(policy: Policy, numbers: list[Measurement], context: Context) -> None:
    found = reach(run_of([]), policy, numbers, context)
    assert found.verdict is Verdict.INCOMPLETE
    assert not found.success


@settings(max_examples=150)
@given(runs(st.sampled_from(NEVER_SETTLED), least=1), policies, measurements, contexts)
def test_a_run_in_which_no_test_came_to_its_end_never_succeeds(
    run: TestResults, policy: Policy, numbers: list[Measurement], context: Context
) -> None:
    assert not reach(run, policy, numbers, context).success


@settings(max_examples=150)
@given(runs(least=1), policies, measurements, contexts)
def test_a_truncated_run_is_incomplete(
    run: TestResults, policy: Policy, numbers: list[Measurement], context: Context
) -> None:
    found = reach(run, policy, numbers, context)
    if any(result.outcome in TRUNCATED for result in run.results):
        assert found.verdict is Verdict.INCOMPLETE
        assert not found.success


@settings(max_examples=100)
@given(
    runs(least=1),
    policies,
    measurements,
    contexts,
    st.sampled_from(
        [
            SessionFacts(interrupted="Ctrl-C"),
            SessionFacts(collection_errors=("t.py",)),
            SessionFacts(lost_workers=("gw0",)),
            SessionFacts(artifact="changed"),
            SessionFacts(uncollected=("--lf",), narrowed_by=("--lf",)),
            SessionFacts(code={"ruff": "unreadable"}),
        ]
    ),
)
def test_a_broken_run_is_incomplete(
    run: TestResults, policy: Policy, numbers: list[Measurement], context: Context, facts: SessionFacts
) -> None:
    found = reach(run.model_copy(update={"session": facts}), policy, numbers, context)
    assert found.verdict is Verdict.INCOMPLETE
    assert context is Context.LOCAL or found.decision is Decision.BLOCK


@given(st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_measurement_cannot_hold_what_is_not_a_number(value: float) -> None:
    with pytest.raises(ValidationError):
        Measurement(name="accuracy", value=value, origin=Origin.METRIC, test="t0")


@given(runs(st.just(Outcome.PASSED), least=1), without_waivers, contexts)
def test_an_undefined_number_under_a_blocking_rule_is_incomplete(
    run: TestResults, policy: Policy, context: Context
) -> None:
    undefined = Measurement(
        name="accuracy", value=None, undefined="one class only", origin=Origin.METRIC, test="t0"
    )
    held = policy.model_copy(update={"rules": (Rule(metric="accuracy", min=0.0),)})
    assert reach(run, held, [undefined], context).verdict is Verdict.INCOMPLETE


# ---- order ----


@settings(max_examples=150)
@given(runs(least=1), without_waivers, measurements, contexts, st.data())
def test_losing_a_passed_test_never_improves_the_verdict(
    run: TestResults, policy: Policy, numbers: list[Measurement], context: Context, data: st.DataObject
) -> None:
    """Whatever a passed test turns into; a failed one that turns flaky may well improve it."""
    index = data.draw(st.integers(0, len(run.results) - 1))
    passed = run.results[index].model_copy(
        update={"outcome": Outcome.PASSED, "passed": True, "conclusive": True}
    )
    outcome = data.draw(st.sampled_from([outcome for outcome in Outcome if outcome is not Outcome.XPASSED]))
    lost = passed.model_copy(
        update={
            "outcome": outcome,
            "passed": outcome is Outcome.PASSED,
            "conclusive": outcome in BODY_RAN,
            "evidence": passed.evidence if outcome in BODY_RAN else {},
        }
    )
    rest = list(run.results)
    before = reach(run_of([*rest[:index], passed, *rest[index + 1 :]]), policy, numbers, context)
    after = reach(run_of([*rest[:index], lost, *rest[index + 1 :]]), policy, numbers, context)
    assert after.verdict >= before.verdict


@settings(max_examples=100)
@given(runs(least=1), policies, measurements, contexts)
def test_one_more_failing_rule_never_improves_the_verdict(
    run: TestResults, policy: Policy, numbers: list[Measurement], context: Context
) -> None:
    numbers = [number for number in numbers if number.name != "accuracy"]
    numbers.append(Measurement(name="accuracy", value=0.5, origin=Origin.METRIC, test="t0"))
    before = reach(run, policy, numbers, context)
    added = Rule(id="added", metric="accuracy", min=0.9)
    after = reach(run, policy.model_copy(update={"rules": (*policy.rules, added)}), numbers, context)
    assert after.verdict >= max(before.verdict, Verdict.FAIL)
    assert after.decision is Decision.BLOCK


@settings(max_examples=100)
@given(runs(least=1), without_waivers, contexts)
def test_a_perfect_score_rescues_nothing(run: TestResults, policy: Policy, context: Context) -> None:
    """All passes are demanded; perfect metrics and no demand on the score let no failure through."""
    gate = policy.gate.model_copy(update={"min_pass_rate": 1.0, "min_quality_score": 0.0})
    strict = policy.model_copy(update={"gate": gate, "rules": ()})
    perfect = [Measurement(name=name, value=1.0, origin=Origin.METRIC, test="t0") for name in NAMES]
    found = reach(run, strict, perfect, context)
    if any(result.outcome in {Outcome.FAILED, Outcome.XFAILED, Outcome.ERRORED} for result in run.results):
        assert found.verdict >= Verdict.FAIL


@settings(max_examples=100)
@given(runs(), policies, measurements, contexts)
def test_a_stricter_context_never_allows_more(
    run: TestResults, policy: Policy, numbers: list[Measurement], context: Context
) -> None:
    if reach(run, policy, numbers, Context.RELEASE).decision is Decision.ALLOW:
        assert reach(run, policy, numbers, context).decision is Decision.ALLOW


# ---- one function of its inputs ----


@settings(max_examples=100)
@given(runs(), policies, measurements, contexts)
def test_a_record_read_back_leads_to_the_judgement_it_states(
    run: TestResults, policy: Policy, numbers: list[Measurement], context: Context
) -> None:
    judgement = reach(run, policy, numbers, context)
    record = IntegrationResult(
        **{name: getattr(judgement, name) for name in GateJudgement.model_fields},
        run_id="r",
        context=context,
        test_results=run,
        measurements=tuple(numbers),
        policy=policy,
        policy_digest=policy_digest(policy),
        provenance=Provenance(tool_version="1", pytest_version="9", python="3.11", platform="linux"),
        duration=1.0,
        timestamp=datetime(2026, 6, 15, 12, tzinfo=UTC),
    )
    again = load_integration_result(dump(record))
    assert again == record
    assert judge_again(again) == judgement == reach(run, policy, numbers, context)


# ---- from end to end ----

BODIES = {
    "passed": "pass",
    "failed": "assert 0",
    "skipped": "pytest.skip('no')",
    "not a number": "mlops.metric('accuracy', float('nan'))",
    "xfailed": "pytest.xfail('known')",
}


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.sampled_from(sorted(BODIES)), max_size=4), contexts)
def test_a_run_succeeds_only_where_every_body_passed(gate: Gate, bodies: list[str], context: Context) -> None:
    """At the default thresholds, of at most four tests none may be anything but passed."""
    lines = ["import pytest", "pytestmark = pytest.mark.model_test"]
    lines += [f"def test_{index}(mlops): {BODIES[body]}" for index, body in enumerate(bodies)]
    gate.write("mlops.yaml", "version: 1")
    gate.write("test_model.py", "\n".join(lines))
    result = gate.run(f"--mlops-context={context}", "-p", "no:cacheprovider")
    whole = bool(bodies) and set(bodies) == {"passed"}
    assert gate.record().success is whole
    assert (result.ret == 0) is whole
