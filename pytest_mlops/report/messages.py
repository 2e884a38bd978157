"""Messages and number formats shared by all reports and by the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.records.results import Outcome
from pytest_mlops.text import one_line
from pytest_mlops.verdict import Context, Decision, Verdict

if TYPE_CHECKING:
    from pytest_mlops.records.comparison import Comparison
    from pytest_mlops.records.integration import CellCoverage, IntegrationResult, RuleResult, WaiverUse
    from pytest_mlops.records.measurement import WeakSpot
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.results import TestResult
    from pytest_mlops.records.rule import Rule

__all__ = [
    "Score",
    "count",
    "describe_bound",
    "describe_cell",
    "describe_comparison",
    "describe_waiver",
    "headline",
    "interval",
    "number",
    "provenance",
    "rules_by_concern",
    "scores",
    "subject",
    "tests_by_concern",
    "weak_spots",
    "why_not_deployable",
]

SUBJECT_LIMIT = 120
"""Maximum characters of a model's name and version in a headline."""

_WHERE = {
    Context.LOCAL: "here",
    Context.PULL_REQUEST: "for this pull request",
    Context.RELEASE: "for release",
}
_CONCERN = (
    Outcome.FAILED,
    Outcome.ERRORED,
    Outcome.CRASHED,
    Outcome.INCOMPLETE,
    Outcome.XFAILED,
    Outcome.UNDECIDED,
    Outcome.FLAKY,
    Outcome.NOT_RUN,
    Outcome.SKIPPED,
    Outcome.DESELECTED,
    Outcome.XPASSED,
    Outcome.PASSED,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A score of the run, 0..1, with its threshold."""

    name: str
    value: float | None
    threshold: float

    @property
    def met(self) -> bool:
        """Whether the value is known and at least the threshold."""
        return self.value is not None and self.value >= self.threshold - 1e-12


def headline(record: IntegrationResult) -> str:
    """Return the verdict, the version and the decision in one line."""
    if record.partial is not None:
        return f"partial: {record.partial} model tests ran, no verdict"
    action = {Decision.ALLOW: "allowed", Decision.BLOCK: "blocked"}[record.decision]
    if record.verdict is Verdict.UNDECIDED and record.decision is Decision.ALLOW:
        action = "allowed although the evidence is insufficient"
    return f"{record.verdict.upper()}: {subject(record.model_version)} is {action} {_WHERE[record.context]}"


def subject(model: ModelVersion | None) -> str:
    """Return the name and version of what a verdict is about."""
    if model is None:
        return "this version"
    return one_line(f"{model.model_id} {model.version_id}", SUBJECT_LIMIT)


def why_not_deployable(record: IntegrationResult) -> str | None:
    """Return why a successful record is not deployable; ``None`` if it is, or if it was not successful."""
    if record.deployable or not record.success:
        return None
    if not record.policy.configured:
        why = "there is no mlops.yaml"
    elif not record.policy.requirements:
        why = "mlops.yaml declares no requirements"
    else:
        why = "mlops.yaml names no model artifact"
    return f"This record cannot be used to deploy: {why}."


def scores(record: IntegrationResult) -> tuple[Score, ...]:
    """Return coverage, pass rate and quality score, each with its threshold."""
    gate = record.policy.gate
    return (
        Score(name="coverage", value=record.coverage, threshold=gate.min_coverage),
        Score(name="pass rate", value=record.pass_rate, threshold=gate.min_pass_rate),
        Score(name="quality score", value=record.quality_score, threshold=gate.min_quality_score),
    )


def describe_bound(record: IntegrationResult) -> str | None:
    """Return coverage × pass rate with its lower bound; ``None`` if one of them is unknown."""
    if record.bounds is None:
        return None
    return (
        f"coverage × pass rate = {record.bounds.product:.3g}: the share of declared behaviour shown to hold "
        f"(at least {record.bounds.lower:.3g} with 95 % confidence if the tests are a sample)"
    )


def describe_comparison(comparison: Comparison) -> str:
    """Return which baseline was compared on how many examples, or why there was no comparison."""
    if comparison.status != "compared" or comparison.baseline is None:
        refused = comparison.status == "refused"
        return f"{'Refused' if refused else 'Not compared'}: {comparison.message}."
    reference = comparison.baseline
    version = " ".join(part for part in (reference.model_id, reference.version_id) if part)
    version = one_line(version, SUBJECT_LIMIT)
    named = f"{version} ({reference.source})" if version else reference.source
    return (
        f"Compared with {named} on {count(comparison.paired)} examples; {count(comparison.added)} only in "
        f"the candidate, {count(comparison.removed)} only in the baseline. Each end of an interval is a "
        f"one-sided bound with {100 * comparison.confidence:.4g} % confidence."
    )


def number(value: float | None, *, signed: bool = False) -> str:
    """Write a number to four significant digits; nothing for ``None``."""
    return "" if value is None else f"{value:{'+' if signed else ''}.4g}"


def count(value: int | None) -> str:
    """Format a count with thousands separators; ``None`` becomes an empty text."""
    return "" if value is None else f"{value:,}"


def interval(lower: float | None, upper: float | None, *, signed: bool = False) -> str:
    """Write an interval; nothing where an end is unknown."""
    sign = "+" if signed else ""
    return "" if lower is None or upper is None else f"{lower:{sign}.3g} to {upper:{sign}.3g}"


def describe_cell(cell: CellCoverage) -> str:
    """Return the coverage of a cell as text."""
    if cell.claims == 0:
        return "no test"
    share = f"{cell.share:.0%}"
    if cell.undecided_share:
        share += f", {cell.undecided_share:.0%} undecided"
    return share + (" asserted" if cell.asserted else "")


def tests_by_concern(record: IntegrationResult) -> list[TestResult]:
    """Return the model tests, failures first and passes last, otherwise in their original order."""
    rank = {outcome: position for position, outcome in enumerate(_CONCERN)}
    return sorted(record.test_results.results, key=lambda test: rank[test.outcome])


def rules_by_concern(record: IntegrationResult) -> list[tuple[int, RuleResult]]:
    """Return (position, rule): sorted by verdict, then blocking rules first, then the largest miss."""

    def concern(entry: tuple[int, RuleResult]) -> tuple[int, bool, float]:
        index, rule = entry
        declared = record.policy.rules[index] if index < len(record.policy.rules) else None
        miss = 0.0 if declared is None or rule.estimate is None else _miss(declared, rule.estimate)
        return -rule.verdict.rank, rule.severity == "report", -miss

    return sorted(enumerate(record.rules), key=concern)


def _miss(rule: Rule, estimate: float) -> float:
    """Return how far an estimate is out of bounds, relative to the larger of the two, from 0 to 2."""
    least = (rule.min, rule.min_delta, rule.min_rel_delta)
    most = (rule.max, rule.max_delta, rule.max_rel_delta)
    gaps = [(bound - estimate, bound) for bound in least if bound is not None]
    gaps += [(estimate - bound, bound) for bound in most if bound is not None]
    return max((gap / max(abs(bound), abs(estimate)) for gap, bound in gaps if gap > 0), default=0.0)


def describe_waiver(waiver: WaiverUse) -> str:
    """Return the status of a waiver as text."""
    return waiver.status.replace("_", " ")


def provenance(record: IntegrationResult) -> list[tuple[str, str]]:
    """Return the known facts about how the evidence was produced, as (name, value)."""
    made, model = record.provenance, record.model_version
    dirty = {True: " (with uncommitted changes)", False: "", None: ""}[made.dirty]
    facts = [
        ("run", record.run_id),
        ("time (UTC)", f"{record.timestamp:%Y-%m-%d %H:%M:%S}"),
        ("duration", f"{record.duration:.1f} s"),
        ("context", str(record.context)),
        ("trust", made.trust),
        ("model digest", model.digest if model is not None else None),
        ("commit", made.commit_head and made.commit_head + dirty),
        ("merge commit", made.commit_merge),
        ("CI run", made.ci_run),
        ("configuration", made.config or "none, defaults apply"),
        ("policy digest", record.policy_digest),
        ("arguments", " ".join(made.arguments)),
        ("workers", str(made.workers) if made.workers else None),
        ("platform", made.platform),
        ("python", made.python),
        ("pytest", made.pytest_version),
        ("pytest-mlops", made.tool_version),
        ("schema version", record.schema_version),
    ]
    return [(name, value) for name, value in facts if value]


def weak_spots(record: IntegrationResult) -> list[tuple[str, WeakSpot]]:
    """Return (metric, weak slice) for every weak slice that the search found."""
    names = {"classification": "accuracy", "regression": "minus the mean absolute error"}
    return [
        (names[array.task] + (f" on {array.dataset}" if array.dataset is not None else ""), spot)
        for array in record.arrays
        if array.task in names
        for spot in array.weak_spots
    ]
