"""The gate policy: requirements, thresholds, rules, waivers."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from pytest_mlops.names import ALIAS, ALL
from pytest_mlops.records.base import Flag, Label, Number, Positive, Record, Share, Text
from pytest_mlops.records.rule import Confidence, Rule
from pytest_mlops.verdict import Decision

__all__ = [
    "BaselineSettings",
    "Cell",
    "CodeReports",
    "Day",
    "GateSettings",
    "Policy",
    "QualityMetric",
    "QualitySettings",
    "QualityWeights",
    "Requirement",
    "Waiver",
]


def _calendar_day(value: object) -> object:
    # By default pydantic reads numbers as seconds since 1970.
    if type(value) is date:
        return value
    if not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError(f"expected a date such as 2026-12-31, got {value}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value} is not a valid date: {error}") from error


Day = Annotated[date, BeforeValidator(_calendar_day)]


def _known_source(value: str) -> str:
    kind, _, name = value.partition(":")
    known = {
        "file": bool(name.strip()),
        "artifact": bool(name.strip()),
        "registry": ALIAS.fullmatch(name) is not None,
    }
    if value != "run" and not known.get(kind, False):
        raise ValueError(f"expected run, file:PATH, artifact:BRANCH or registry:ALIAS, got {value}")
    return value


BaselineSource = Annotated[str, StringConstraints(strict=True), AfterValidator(_known_source)]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Cell(Record):
    """One required behaviour: a capability on a slice, optionally of a data set."""

    capability: Label
    slice: Label = ALL
    dataset: Label | None = None
    weight: Positive = 1.0

    @property
    def name(self) -> str:
        """The name used in ``covers``: ``capability:slice``."""
        return f"{self.capability}:{self.slice}"

    @property
    def title(self) -> str:
        """The name with its data set, unique among all cells."""
        return self.name if self.dataset is None else f"{self.name}@{self.dataset}"


class Requirement(Record):
    """A capability and the slices (and data sets) on which it is required; every combination is a cell."""

    capability: Label
    """Name of the capability, such as ``ranking``; tests refer to it in ``covers``."""
    slices: Annotated[tuple[Label, ...], Field(min_length=1)] = (ALL,)
    """Slices on which it is required, such as ``age<40``; by default all examples."""
    datasets: tuple[Label, ...] = ()
    """Data sets on which it is required; by default any data set that the tests use."""
    weight: Positive = 1.0
    """Weight of each cell in the coverage."""

    @field_validator("capability")
    @classmethod
    def _no_colon(cls, value: str) -> str:
        if ":" in value:
            raise ValueError(
                f"got {value}; expected a name without ':', since ':' separates capability and slice"
            )
        return value

    def cells(self) -> tuple[Cell, ...]:
        """Return the cells of this requirement."""
        return tuple(
            Cell(capability=self.capability, slice=slice_, dataset=dataset, weight=self.weight)
            for slice_ in self.slices
            for dataset in (self.datasets or (None,))
        )


class GateSettings(Record):
    """Thresholds of the gate."""

    min_pass_rate: Share = 1.0
    """Minimum pass rate of the model tests, 0..1."""
    min_coverage: Share = 0.8
    """Minimum weighted share of the requirements covered by conclusive tests, 0..1."""
    min_quality_score: Share = 0.7
    """Minimum quality score, 0..1."""
    on_undecided: Decision = Decision.ALLOW
    """Decision on an UNDECIDED verdict in a pull request."""
    estimand: Literal["census", "sample"] = "census"
    """``census``: the tests are all behaviours of interest; ``sample``: they are a sample of a population."""
    min_bound: Share | None = None
    """With ``estimand: sample``, the minimum 95 % lower bound of coverage × pass rate, 0..1."""
    min_n: Annotated[int, Field(strict=True, ge=1)] = 30
    """Minimum number of examples of a slice for its evidence to count."""
    require_evidence: Flag | None = None
    """Whether only tests that record metrics count for coverage; by default only under ``release``."""
    policy_changes: Decision = Decision.ALLOW
    """Decision of ``pytest-mlops github post`` when a pull request weakens the policy of its base."""

    @model_validator(mode="after")
    def _sample_needs_bound(self) -> Self:
        if self.estimand == "sample" and self.min_bound is None:
            raise ValueError(
                "estimand: sample decides by the lower bound, but min_bound is missing; set min_bound"
            )
        if self.estimand == "census" and self.min_bound is not None:
            raise ValueError("min_bound applies only to estimand: sample; remove it, or set the estimand")
        return self


class QualityMetric(Record):
    """Weight and scale of one metric in the quality score."""

    weight: Positive
    """Weight among the metrics."""
    best: Number | None = None
    """Value with score 1; with ``worst``, the metric is scaled linearly between the two and clipped."""
    worst: Number | None = None
    """Value with score 0."""
    dataset: Label | None = None
    """Data set of the metric; needed if it is recorded on several."""

    @model_validator(mode="before")
    @classmethod
    def _bare_weight(cls, value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"weight": value}
        if isinstance(value, dict | cls):
            return value
        raise ValueError(f"expected a weight such as 0.4, or a mapping with weight, best, worst; got {value}")

    @model_validator(mode="after")
    def _scale(self) -> Self:
        if (self.best is None) != (self.worst is None):
            raise ValueError("only one of best and worst is set; expected both or neither")
        if self.best is not None and self.best == self.worst:
            raise ValueError(f"best and worst are both {self.best:g}; expected different values")
        return self


class QualityWeights(Record):
    """Weights of the three components; a component without a weight does not count."""

    metrics: Positive | None = None
    """Weight of the recorded metrics."""
    tests: Positive | None = None
    """Weight of the pass rate."""
    code: Positive | None = None
    """Weight of code quality."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.metrics is None and self.tests is None and self.code is None:
            raise ValueError("no component has a weight; set at least one of metrics, tests, code")
        return self


class CodeReports(Record):
    """Reports of code quality tools; paths are relative to ``mlops.yaml``."""

    coverage: Text | None = None
    """JSON report of coverage.py."""
    ruff: Text | None = None
    """Output of ``ruff check --output-format json``."""
    complexity: Text | None = None
    """Output of ``radon cc --json``."""
    source: tuple[Text, ...] = (".",)
    """Folders whose lines of ``.py`` files the ruff findings are divided by."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.coverage is None and self.ruff is None and self.complexity is None:
            raise ValueError("no report is set; set at least one of coverage, ruff, complexity")
        return self


class QualitySettings(Record):
    """The weighted quality score. A part that is not set here is omitted if it was not measured."""

    weights: QualityWeights | None = None
    """Weights of metrics, tests and code; every component set here must be measured."""
    metrics: Annotated[dict[str, QualityMetric], Field(min_length=1)] | None = None
    """Metric name -> weight, or weight and scale; every metric set here must be measured."""
    code: CodeReports | None = None
    """Code quality reports."""

    @model_validator(mode="after")
    def _named_is_weighed(self) -> Self:
        for name in ("metrics", "code"):
            named = getattr(self, name) is not None
            if named and self.weights is not None and getattr(self.weights, name) is None:
                raise ValueError(f"{name} is set, but has no weight; add it to weights, or remove {name}")
        return self


class BaselineSettings(Record):
    """The baseline of the comparison, and how to compare."""

    sources: Annotated[
        tuple[BaselineSource, ...],
        # `from` is a Python keyword, so the record uses another name.
        Field(
            validation_alias=AliasChoices("from", "sources"),
            serialization_alias="sources",
            min_length=1,
            description="Sources of the baseline, tried in order: ``file:PATH`` of a record,"
            " ``artifact:BRANCH`` for the last successful run of a branch on GitHub, ``registry:ALIAS`` for"
            " the version that an alias points to, or ``run`` for predictions recorded in the same run.",
        ),
    ] = ("run",)
    pair_by: Literal["id", "position"] = "id"
    """How examples are paired; ``position`` requires that both runs read the data in the same order."""
    removed_cases: Literal["intersect", "fail"] = "intersect"
    """If the baseline has examples that the candidate lacks: compare the common ones, or refuse."""
    confidence: Confidence = 0.95
    """One-sided confidence level of the bound that must meet the margin."""
    alpha: Annotated[float, Field(strict=True, gt=0, lt=0.5, allow_inf_nan=False)] = 0.01
    """Probability of FAIL for a run without any regression, over all its rules."""
    first_run_until: Day | None = None
    """Last day on which a release may pass without a baseline."""
    max_age_days: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Maximum age of a baseline record in days; by default unlimited."""


class Waiver(Record):
    """A temporary exception for one failing rule or test, approved by a named person."""

    rule: Text | None = None
    """Name of a rule: its id, or metric, slice and data set, such as ``recall[age<40]@holdout``."""
    test: Text | None = None
    """Node id of a test, or a glob over node ids."""
    scope: Text
    """Model versions it applies to, as a glob: ``2026.11.*``, or ``*`` for every version."""
    reason: Text
    """Reason for the exception."""
    approver: Text
    """Person who approved it."""
    expires: Day
    """Last valid day, such as 2026-12-31."""

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.rule is None) == (self.test is None):
            raise ValueError(
                "expected either rule or test, got " + ("neither" if self.rule is None else "both")
            )
        return self

    @property
    def subject(self) -> str:
        """The waived rule or test, for messages."""
        return f"rule {self.rule}" if self.rule is not None else f"test {self.test}"


class Policy(Record):
    """Everything that a verdict depends on besides the evidence."""

    requirements: tuple[Requirement, ...] = ()
    gate: GateSettings = GateSettings()
    quality: QualitySettings = QualitySettings()
    rules: tuple[Rule, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    baseline: BaselineSettings = BaselineSettings()
    accept_waived: Flag = False
    """Whether the environment of a release accepts WAIVED."""
    configured: Flag = False
    """Whether there is a ``mlops.yaml``; without one nothing is deployable."""

    def cells(self) -> tuple[Cell, ...]:
        """Return all declared cells, in the order of the file."""
        return tuple(cell for requirement in self.requirements for cell in requirement.cells())
