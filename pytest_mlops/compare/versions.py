"""Two recorded versions compared, and judged by a margin or by the candidate's rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.compare.baseline import Baseline, Candidate
from pytest_mlops.compare.comparison import compare_arrays
from pytest_mlops.decision.deltas import evaluate_deltas
from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.verify import read_record, verify_record
from pytest_mlops.names import ALL, better_direction
from pytest_mlops.records.rule import SHARES, Rule
from pytest_mlops.verdict import Verdict, combine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.comparison import Comparison, Delta
    from pytest_mlops.records.integration import IntegrationResult, RuleResult

__all__ = ["VersionComparison", "compare_versions", "margin_rules"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionComparison:
    """What comparing two versions came to.

    Attributes:
        comparison: Every difference.
        rules: What was decided on.
        verdict: The worst of them that blocks; of none, INCOMPLETE.
    """

    comparison: Comparison
    rules: tuple[RuleResult, ...]
    verdict: Verdict


def compare_versions(
    candidate: Path | IntegrationResult,
    baseline: Path | IntegrationResult,
    *,
    margin: float | None = None,
    metrics: Sequence[str] = (),
    slices: Sequence[str] = (),
    folder: Path = Path(".mlops"),
) -> VersionComparison:
    """Compare two records example by example, after verifying both.

    Args:
        candidate: The record of the new version, or its path; its policy decides how examples are paired.
        baseline: The record of the version it would replace, or its path.
        margin: Loss that is allowed in every metric and slice compared; by default the candidate's own rules
            on changes decide.
        metrics: Names of metrics, by default all; with a margin those that are shares.
        slices: Names of slices, by default all.
        folder: Where a record lies that is given as such.

    Raises:
        EvidenceError: a record that cannot be trusted, or the two cannot be compared.
        RecordingError: the labels of both together make no sense.
    """
    ours, own_folder = _load(candidate, folder)
    theirs, other_folder = _load(baseline, folder)
    source = str(baseline) if isinstance(baseline, Path) else f"run {theirs.run_id}"
    found = Baseline(source=source, record=theirs, arrays=other_folder / "arrays", refs=theirs.arrays)
    tested = Candidate(
        refs=ours.arrays, arrays=own_folder / "arrays", version=ours.model_version, folder=own_folder
    )
    comparison = compare_arrays(ours.policy, tested, found)
    selected = [delta for delta in comparison.deltas if _is_selected(delta, metrics, slices)]
    if not selected:
        known = ", ".join(sorted({delta.title for delta in comparison.deltas}))
        raise EvidenceError(f"no metric of that name was compared; expected one of {known}")
    if margin is None:
        rules = [rule for rule in ours.policy.rules if rule.compares and _is_selected(rule, metrics, slices)]
    else:
        rules = margin_rules(selected, margin, all_metrics=bool(metrics), min_n=ours.policy.gate.min_n)
    results = evaluate_deltas(
        rules,
        comparison,
        ours.policy.baseline,
        context=ours.context,
        today=ours.timestamp.date(),
        min_n=ours.policy.gate.min_n,
    )
    return VersionComparison(
        comparison=comparison.model_copy(update={"deltas": tuple(selected)}),
        rules=tuple(results),
        verdict=combine(result.verdict for result in results if result.severity == "block"),
    )


def margin_rules(
    deltas: Sequence[Delta], margin: float, *, all_metrics: bool = False, min_n: int = 30
) -> list[Rule]:
    """Return a rule with the same margin for each difference; proof is asked for the whole data alone.

    Args:
        deltas: The differences.
        margin: Loss that is allowed, 0 or more.
        all_metrics: Whether metrics other than shares take part.
        min_n: Slices with fewer paired examples are only reported.
    """
    # A metric whose name does not tell its better direction counts as a score.
    readers = {delta.metric: better_direction(delta.metric) or "higher" for delta in deltas}
    return [
        Rule(
            metric=delta.metric,
            better=readers[delta.metric],
            slice=delta.slice,
            dataset=delta.dataset,
            critical=delta.slice == ALL,
            severity="report" if delta.slice != ALL and delta.n < min_n else "block",
            max_delta=margin if readers[delta.metric] == "lower" else None,
            min_delta=None if readers[delta.metric] == "lower" else -margin,
        )
        for delta in deltas
        if all_metrics or delta.metric in SHARES
    ]


def _load(version: Path | IntegrationResult, folder: Path) -> tuple[IntegrationResult, Path]:
    if isinstance(version, Path):
        record, folder = read_record(version), version.parent
    else:
        record = version
    verify_record(record, folder=folder)
    return record, folder


def _is_selected(named: Delta | Rule, metrics: Sequence[str], slices: Sequence[str]) -> bool:
    return (not metrics or named.metric in metrics) and (not slices or named.slice in slices)
