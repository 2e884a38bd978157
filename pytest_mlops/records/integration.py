"""The IntegrationResult: the record of one gate run."""

from __future__ import annotations

from typing import Literal

from pytest_mlops.names import ALL
from pytest_mlops.records.base import (
    Count,
    Digest,
    Flag,
    Label,
    Number,
    Record,
    Seconds,
    Severity,
    Share,
    Text,
    Timestamp,
)
from pytest_mlops.records.comparison import Comparison
from pytest_mlops.records.measurement import ArrayRef, ArtifactRef, Measurement
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Policy
from pytest_mlops.records.results import TestResults
from pytest_mlops.verdict import Context, Decision, Verdict

__all__ = [
    "SCHEMA_VERSION",
    "Bounds",
    "CellCoverage",
    "CodeQuality",
    "GateJudgement",
    "IntegrationResult",
    "PartStatus",
    "Provenance",
    "QualityPart",
    "QualityReport",
    "Reason",
    "RuleResult",
    "WaiverUse",
]

SCHEMA_VERSION = "1.0"

PartStatus = Literal["measured", "declared", "absent"]


class Reason(Record):
    """One reason for the verdict."""

    verdict: Verdict
    text: Text


class CellCoverage(Record):
    """Coverage of one declared cell."""

    cell: Label
    weight: Number
    share: Share
    """Conclusive tests / collected tests that cover the cell."""
    undecided_share: Share = 0.0
    """Share of inconclusive tests that ran: flaky tests, slices with fewer than ``min_n`` examples."""
    claims: Count
    """Number of collected tests that cover the cell."""
    asserted: Count = 0
    """Number of conclusive tests that recorded no metric."""
    n: Count | None = None
    """Largest recorded number of examples of the cell's slice."""


class Bounds(Record):
    """Coverage × pass rate: the share of the declared behaviour shown to hold."""

    product: Share
    lower: Share
    """One-sided Clopper-Pearson lower bound of the pass rate, times the coverage."""
    confidence: Share = 0.95


class QualityPart(Record):
    """One weighted part of the quality score."""

    name: Label
    weight: Number
    status: PartStatus
    value: Number | None = None
    score: Share | None = None
    """The value scaled to 0..1; ``None`` if the part does not count."""
    note: str = ""


class QualityReport(Record):
    """The parts of the quality score."""

    components: tuple[QualityPart, ...] = ()
    metrics: tuple[QualityPart, ...] = ()
    code: tuple[QualityPart, ...] = ()


class RuleResult(Record):
    """Result of one rule."""

    rule: Label
    metric: Label
    slice: Label = ALL
    dataset: Label | None = None
    severity: Severity
    verdict: Verdict
    estimate: Number | None = None
    lower: Number | None = None
    upper: Number | None = None
    level: Share | None = None
    """Confidence level of (lower, upper): two-sided, or of each bound for a rule with ``confidence``."""
    n: Count | None = None
    mde: Number | None = None
    """Minimum detectable effect: smallest shortfall detected with 80 % power at the 5 % level."""
    message: Text


class WaiverUse(Record):
    """Outcome of one waiver."""

    subject: Text
    status: Literal["used", "not_needed", "expired", "unmatched"]
    reason: Text
    approver: Text
    expires: Text


class CodeQuality(Record):
    """Measured code quality; ``None`` for what was not measured."""

    line_coverage: Share | None = None
    findings_per_kloc: Number | None = None
    """Ruff findings per 1,000 lines."""
    simple_functions: Share | None = None
    """Share of functions with cyclomatic complexity of at most 10."""


class Provenance(Record):
    """How and where the evidence was produced."""

    tool_version: Text
    pytest_version: Text
    python: Text
    platform: Text
    packages: dict[str, str] = {}
    commit_head: str | None = None
    commit_merge: str | None = None
    """Tested merge commit of a pull request."""
    dirty: Flag | None = None
    """Whether the work tree had uncommitted changes to tracked files."""
    ci_run: str | None = None
    trust: Literal["local", "ci", "untrusted-pr"] = "local"
    config: str | None = None
    """Path of ``mlops.yaml``, relative to the folder in which the run started."""
    arguments: tuple[str, ...] = ()
    workers: Count = 0
    """Number of xdist workers; 0 without xdist."""
    seeds: dict[str, int] = {}


class GateJudgement(Record):
    """Verdict and decision of the gate, a pure function of evidence, policy and context."""

    success: Flag
    verdict: Verdict
    decision: Decision
    deployable: Flag
    reasons: tuple[Reason, ...]
    coverage: Share | None
    pass_rate: Share | None
    quality_score: Share | None
    coverage_cells: tuple[CellCoverage, ...] = ()
    quality: QualityReport = QualityReport()
    bounds: Bounds | None = None
    rules: tuple[RuleResult, ...] = ()
    waivers: tuple[WaiverUse, ...] = ()
    partial: str | None = None
    """Number of tests that ran, such as ``12 of 40``, if a narrowed run has no verdict."""


class IntegrationResult(GateJudgement):
    """Record of one gate run: evidence, policy, context and the resulting judgement."""

    schema_version: Text = SCHEMA_VERSION
    run_id: Text
    context: Context
    model_version: ModelVersion | None = None
    test_results: TestResults = TestResults()
    measurements: tuple[Measurement, ...] = ()
    arrays: tuple[ArrayRef, ...] = ()
    artifacts: tuple[ArtifactRef, ...] = ()
    code_quality: CodeQuality = CodeQuality()
    comparison: Comparison | None = None
    policy: Policy
    policy_digest: Digest
    provenance: Provenance
    duration: Seconds
    timestamp: Timestamp
