"""The judgement of a run: verdict, decision and reasons from evidence, policy and context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.decision.consistency import comparison_contradictions, contradictions
from pytest_mlops.decision.counts import UNSETTLED
from pytest_mlops.decision.coverage import measure_coverage
from pytest_mlops.decision.finding import GateFinding
from pytest_mlops.decision.lookup import Measurements
from pytest_mlops.decision.pass_rate import measure_bounds, measure_pass_rate
from pytest_mlops.decision.quality import measure_quality
from pytest_mlops.decision.session import comparison_findings, judge_session, policy_findings
from pytest_mlops.decision.waivers import apply_waivers
from pytest_mlops.names import metric_title
from pytest_mlops.records.integration import GateJudgement, Reason
from pytest_mlops.records.results import Outcome
from pytest_mlops.text import list_some, plural
from pytest_mlops.verdict import Context, Decision, Verdict, combine, decide, success

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import date

    from pytest_mlops.records.comparison import Comparison
    from pytest_mlops.records.integration import CodeQuality, IntegrationResult, RuleResult
    from pytest_mlops.records.measurement import Measurement
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.policy import Policy
    from pytest_mlops.records.results import TestResult, TestResults

__all__ = ["judge", "judge_again"]


def judge(
    *,
    results: TestResults,
    measurements: Sequence[Measurement],
    code_quality: CodeQuality,
    model_version: ModelVersion | None,
    policy: Policy,
    context: Context,
    today: date,
    comparison: Comparison | None = None,
) -> GateJudgement:
    """Return the judgement of a run.

    A pure function: the same arguments give the same judgement, so that a record can be verified.

    Args:
        results: All collected model tests, and facts about the run.
        measurements: Recorded metrics.
        code_quality: Measured code quality.
        model_version: The version under test.
        policy: Thresholds, rules, waivers.
        context: Where the gate runs.
        today: The day of the run, for the expiry of waivers.
        comparison: The comparison with the baseline.
    """
    tests, session = results.results, results.session
    narrowed = bool(session.narrowed_by)
    index = Measurements(measurements)
    waived = apply_waivers(
        policy.waivers,
        tests,
        _evaluate_rules(policy, index, comparison, context=context, today=today),
        version=model_version.version_id if model_version else None,
        today=today,
        narrowed=narrowed,
    )
    coverage = measure_coverage(
        tests,
        policy.cells(),
        policy.gate,
        require_evidence=_requires_evidence(policy, context),
        waived=waived.tests,
        narrowed=narrowed,
    )
    rate = measure_pass_rate(tests, policy.gate, waived=waived.tests)
    bounds, bound_findings = measure_bounds(coverage.value, rate, policy.gate)
    quality = measure_quality(
        policy,
        index,
        pass_rate=rate.value,
        unsettled=any(test.outcome in UNSETTLED for test in tests),
        code=code_quality,
        code_problems=session.code,
        declared=_declared(model_version),
        release=context is Context.RELEASE,
    )
    findings = [
        *judge_session(results),
        *policy_findings(policy, context),
        *(
            GateFinding(verdict=Verdict.INCOMPLETE, text=f"the evidence contradicts itself: {text}")
            for text in (*contradictions(measurements), *comparison_contradictions(comparison, measurements))
        ),
        *rate.findings,
        *coverage.findings,
        *bound_findings,
        *quality.findings,
        *(_rule_finding(rule, index) for rule in waived.rules if rule.severity == "block"),
        *comparison_findings(comparison, waived.rules),
        *waived.findings,
    ]
    findings += _skipped_in_release(tests, context, waived.tests)
    verdict = combine(finding.verdict for finding in findings)
    decision = _decide(verdict, findings, policy, context, narrowed=narrowed)
    if decision is Decision.ALLOW and session.failed_in_pytest:
        # A record that allows beside a red pytest run would contradict it.
        text = f"pytest counts these model tests as failed: {list_some(session.failed_in_pytest)}"
        findings.append(GateFinding(verdict=Verdict.FAIL, text=text))
        verdict, decision = combine(finding.verdict for finding in findings), Decision.BLOCK
    partial = verdict is Verdict.INCOMPLETE and decision is Decision.ALLOW
    return GateJudgement(
        success=success(verdict),
        verdict=verdict,
        decision=decision,
        deployable=_deployable(verdict, policy, model_version),
        reasons=_reasons(findings),
        coverage=coverage.value,
        pass_rate=rate.value,
        quality_score=quality.value,
        coverage_cells=coverage.cells,
        quality=quality.report,
        bounds=bounds,
        rules=waived.rules,
        waivers=waived.uses,
        partial=_partial(results) if partial else None,
    )


def _skipped_in_release(
    tests: Sequence[TestResult], context: Context, waived: Collection[str]
) -> Iterator[GateFinding]:
    """Yield what a release lacks: every collected model test has to be conclusive, or waived."""
    skipped = [
        test.test_name
        for test in tests
        if test.outcome is Outcome.SKIPPED and not test.conclusive and test.test_name not in waived
    ]
    if context is Context.RELEASE and skipped:
        count = plural(len(skipped), "model test")
        text = f"{count} skipped, and a release needs them all: {list_some(skipped)}"
        yield GateFinding(verdict=Verdict.INCOMPLETE, text=text)


def _decide(
    verdict: Verdict, findings: Sequence[GateFinding], policy: Policy, context: Context, *, narrowed: bool
) -> Decision:
    """Return the decision; a narrowed run may be allowed if evidence is only missing, not invalid."""
    only_missing = all(finding.missing for finding in findings if finding.verdict is Verdict.INCOMPLETE)
    return decide(
        verdict,
        context,
        on_undecided=policy.gate.on_undecided,
        accept_waived=policy.accept_waived,
        narrowed=narrowed and only_missing,
    )


def judge_again(record: IntegrationResult, context: Context | None = None) -> GateJudgement:
    """Return the judgement recomputed from a record's evidence, to compare with the recorded one.

    Args:
        record: The record.
        context: Where the verdict is needed; by default the record's own.
    """
    return judge(
        results=record.test_results,
        measurements=record.measurements,
        code_quality=record.code_quality,
        model_version=record.model_version,
        policy=record.policy,
        context=record.context if context is None else context,
        today=record.timestamp.date(),
        comparison=record.comparison,
    )


def _evaluate_rules(
    policy: Policy, index: Measurements, comparison: Comparison | None, *, context: Context, today: date
) -> list[RuleResult]:
    """Evaluate all rules, in the order of the file; rules on changes form one family of tests."""
    if not policy.rules:
        return []
    from pytest_mlops.decision.deltas import evaluate_deltas  # noqa: PLC0415 -- bounds where there are rules
    from pytest_mlops.decision.rules import evaluate_rule  # noqa: PLC0415 -- as above

    comparing = [rule for rule in policy.rules if rule.compares]
    changes = iter(
        evaluate_deltas(
            comparing, comparison, policy.baseline, context=context, today=today, min_n=policy.gate.min_n
        )
    )
    return [next(changes) if rule.compares else evaluate_rule(rule, index) for rule in policy.rules]


def _requires_evidence(policy: Policy, context: Context) -> bool:
    if policy.gate.require_evidence is None:
        return context is Context.RELEASE
    return policy.gate.require_evidence


def _declared(model_version: ModelVersion | None) -> dict[str, float]:
    if model_version is None:
        return {}
    metrics = model_version.metadata.metrics
    named = {
        "accuracy": metrics.accuracy,
        "precision": metrics.precision,
        "recall": metrics.recall,
        "f1": metrics.f1_score,
    }
    return {**metrics.other, **{name: value for name, value in named.items() if value is not None}}


def _rule_finding(rule: RuleResult, measurements: Measurements) -> GateFinding:
    found = measurements.find(rule.metric, rule.slice, rule.dataset)
    title = metric_title(rule.metric, rule.slice, rule.dataset)
    named = rule.rule in {title, f"Δ{title}"}
    text = rule.message if named else f"{rule.rule}: {rule.message}"
    return GateFinding(verdict=rule.verdict, text=text, missing=isinstance(found, str))


def _deployable(verdict: Verdict, policy: Policy, model_version: ModelVersion | None) -> bool:
    """Return whether the run can be a ticket: it needs declared requirements and a model digest."""
    digest = model_version.digest if model_version is not None else None
    return success(verdict) and policy.configured and bool(policy.requirements) and digest is not None


def _partial(results: TestResults) -> str:
    tests = results.results
    ran = sum(test.outcome not in {Outcome.DESELECTED, Outcome.NOT_RUN} for test in tests)
    return f"{ran} of {len(tests)}"


def _reasons(findings: Iterable[GateFinding]) -> tuple[Reason, ...]:
    """Return the findings other than PASS as reasons, the worst first."""
    against = [finding for finding in findings if finding.verdict is not Verdict.PASS]
    ordered = sorted(against, key=lambda finding: -finding.verdict.rank)
    return tuple(Reason(verdict=finding.verdict, text=finding.text) for finding in ordered)
