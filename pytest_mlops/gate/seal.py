"""Sealing: a run and its tally become the IntegrationResult. Records are made here only."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_mlops.decision.counts import count_outcomes, evidence_of
from pytest_mlops.decision.judge import judge
from pytest_mlops.gate.sink import second_writer
from pytest_mlops.names import ALL
from pytest_mlops.records.codec import policy_digest
from pytest_mlops.records.integration import CodeQuality, IntegrationResult
from pytest_mlops.records.measurement import ArrayRef, ArtifactRef, Measurement
from pytest_mlops.records.results import (
    Attempt,
    OrdinaryTests,
    Outcome,
    SessionFacts,
    TestResult,
    TestResults,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_mlops.gate.run import GateRun, RunEvents
    from pytest_mlops.gate.tally import RunTally, TestEntry
    from pytest_mlops.metrics.plugin_metrics import MetricFunction
    from pytest_mlops.records.comparison import Comparison

Reference = TypeVar("Reference", ArrayRef, ArtifactRef)

__all__ = ["expected_checks", "seal", "unfinished"]


def expected_checks(run: GateRun, root: Path) -> list[tuple[str, tuple[str, ...], str | None]]:
    """Return (node id, cells, data set) of every configured check, which a run must not be without."""
    if run.config is None:
        return []
    file = Path(os.path.relpath(run.config.path, root)).as_posix()
    return [
        (
            f"{file}::{check.title()}",
            tuple(cell if ":" in cell else f"{cell}:{ALL}" for cell in check.covers),
            check.dataset,
        )
        for check in run.config.config.checks
    ]


def unfinished(run: GateRun, why: str = "it has not come to its end") -> IntegrationResult:
    """Return the record that stands from the first moment until the run is sealed, if it ever is."""
    results = TestResults(session=SessionFacts(interrupted=why))
    judgement = judge(
        results=results,
        measurements=(),
        code_quality=CodeQuality(),
        model_version=run.model_version,
        policy=run.policy,
        context=run.context,
        today=run.started.date(),
    )
    return _record(run, judgement, duration=0.0, test_results=results)


def seal(
    run: GateRun,
    tally: RunTally,
    events: RunEvents,
    *,
    code: CodeQuality | str | None = None,
    extra: Mapping[str, MetricFunction] | None = None,
    now: datetime | None = None,
) -> IntegrationResult:
    """Judge what the run measured.

    Args:
        run: What was settled before the first test.
        tally: The outcome of every test.
        events: What happened to the run as a whole.
        code: Code quality that a plugin measured, or why it could not; by default the reports are read.
        extra: Metrics that plugins define, by name.
        now: The end of the run; by default the clock's.
    """
    for node_id, why in events.skipped_files.items():
        tally.skip(node_id, why)
    tally.close()
    ended = now if now is not None else datetime.now(UTC)
    measurements, conflicts = _measurements(tally)
    code_quality, code_problems = _code_quality(run, code)
    results = _results(tally, measurements, _session_facts(run, tally, events, conflicts, code_problems))
    arrays = _references(ArrayRef, tally, "arrays")
    comparison = _compare(run, arrays, extra or {}, ended)
    judgement = judge(
        results=results,
        measurements=measurements,
        code_quality=code_quality,
        model_version=run.model_version,
        policy=run.policy,
        context=run.context,
        today=ended.date(),
        comparison=comparison,
    )
    return _record(
        run,
        judgement,
        duration=max(0.0, (ended - run.started).total_seconds()),
        timestamp=ended,
        test_results=results,
        measurements=measurements,
        code_quality=code_quality,
        arrays=arrays,
        comparison=comparison,
        artifacts=_references(ArtifactRef, tally, "artifacts"),
    )


def _compare(
    run: GateRun, arrays: tuple[ArrayRef, ...], extra: Mapping[str, MetricFunction], now: datetime
) -> Comparison | None:
    """Compare with the baseline, where a rule, a source or the tests themselves ask for it."""
    if not arrays and not any(rule.compares for rule in run.policy.rules):
        return None
    from pytest_mlops.compare.baseline import Candidate  # noqa: PLC0415 -- NumPy where there is something
    from pytest_mlops.compare.comparison import compare_with_baseline, wants_comparison  # noqa: PLC0415

    candidate = Candidate(
        refs=arrays,
        arrays=run.path.parent / "arrays",
        version=run.model_version,
        folder=run.folder,
        context=run.context,
        environ=os.environ,
    )
    if not wants_comparison(run.policy, candidate):
        return None
    return compare_with_baseline(run.policy, candidate, now=now, extra=extra)


def _code_quality(run: GateRun, code: CodeQuality | str | None) -> tuple[CodeQuality, dict[str, str]]:
    """Return what was measured, and report name -> why it could not be used."""
    if isinstance(code, str):
        return CodeQuality(), {"hook": code}
    if code is not None:
        return code, {}
    reports = run.policy.quality.code
    if reports is None:
        return CodeQuality(), {}
    from pytest_mlops.gate.code_quality import read_code_quality  # noqa: PLC0415 -- where there are reports

    return read_code_quality(run.folder, reports)


def _record(run: GateRun, judgement: Any, **evidence: Any) -> IntegrationResult:
    evidence.setdefault("timestamp", run.started)
    return IntegrationResult(
        **{name: getattr(judgement, name) for name in type(judgement).model_fields},
        run_id=run.run_id,
        context=run.context,
        model_version=run.model_version,
        policy=run.policy,
        policy_digest=policy_digest(run.policy),
        provenance=run.provenance,
        **evidence,
    )


def _measurements(tally: RunTally) -> tuple[tuple[Measurement, ...], list[str]]:
    """Gather what was recorded, in collection order, so that the first writer is the same in every run."""
    kept: dict[tuple[str, str, str | None], Measurement] = {}
    conflicts = []
    for node_id, entry in tally.entries.items():
        for payload in entry.payloads:
            for data in payload.get("measurements", ()):
                measurement = Measurement(test=node_id, **data)
                first = kept.setdefault(measurement.key, measurement)
                if first is not measurement:
                    conflicts.append(second_writer(measurement.key, first.test, node_id))
    return tuple(kept.values()), list(dict.fromkeys(conflicts))


def _references(kind: type[Reference], tally: RunTally, name: str) -> tuple[Reference, ...]:
    return tuple(
        kind(test=node_id, **data)
        for node_id, entry in tally.entries.items()
        for payload in entry.payloads
        for data in payload.get(name, ())
    )


def _session_facts(
    run: GateRun, tally: RunTally, events: RunEvents, conflicts: list[str], code_problems: dict[str, str]
) -> SessionFacts:
    outcomes = Counter(entry.outcome for entry in tally.entries.values())
    return SessionFacts(
        collection_errors=tuple(events.collection_errors),
        interrupted=events.interrupted,
        lost_workers=tuple(events.lost_workers),
        conflicts=tuple(conflicts),
        artifact=_model_change(run),
        narrowed_by=run.narrowing.effective(
            deselected=outcomes["deselected"] > 0,
            stopped=events.stopped and outcomes["not_run"] > 0,
            left_out=bool(events.left_out),
        ),
        uncollected=events.left_out,
        unmarked=tuple(events.unmarked),
        failed_in_pytest=tuple(tally.failed_in_pytest),
        code=code_problems,
    )


def _model_change(run: GateRun) -> str | None:
    """Return how the model's files changed while the tests ran; ``None`` where they did not."""
    if run.artifact is None:
        return None
    from pytest_mlops.evidence.digest import changed_since  # noqa: PLC0415 -- where there is a model

    return changed_since(*run.artifact)


def _results(tally: RunTally, measurements: Iterable[Measurement], session: SessionFacts) -> TestResults:
    datasets = {node_id: entry.dataset for node_id, entry in tally.entries.items()}
    evidence = evidence_of(measurements, datasets)
    results = tuple(
        _result(node_id, entry, evidence.get(node_id, {})) for node_id, entry in tally.entries.items()
    )
    return TestResults(
        results=results,
        **count_outcomes(results),
        ordinary=OrdinaryTests(
            total=tally.ordinary_total,
            passed=tally.ordinary_passed,
            failed=tuple(tally.ordinary_failed),
        ),
        session=session,
    )


def _result(node_id: str, entry: TestEntry, evidence: dict[str, int | None]) -> TestResult:
    outcome = Outcome(entry.settled())
    return TestResult(
        test_name=node_id,
        passed=outcome in {Outcome.PASSED, Outcome.XPASSED},
        outcome=outcome,
        duration=round(entry.duration, 6),
        message=entry.message,
        covers=entry.covers,
        dataset=entry.dataset,
        conclusive=entry.conclusive,
        evidence=evidence,
        attempts=tuple(
            Attempt(outcome=Outcome(outcome), duration=round(duration, 6), message=message)
            for outcome, duration, message in entry.attempts
        ),
    )
