"""The policy a verdict is reached under: requirements, thresholds, rules, waivers."""

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
    # Left to itself pydantic reads numbers as seconds since 1970.
    if type(value) is date:
        return value
    if not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError(f"expected a day written as 2026-12-31, got {value}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value} is not in the calendar: {error}") from error


Day = Annotated[date, BeforeValidator(_calendar_day)]


def _known_source(value: str) -> str:
    kind, _, place = value.partition(":")
    known = {
        "file": bool(place.strip()),
        "artifact": bool(place.strip()),
        "registry": ALIAS.fullmatch(place) is not None,
    }
    if value != "run" and not known.get(kind, False):
        raise ValueError(f"expected run, file:PATH, artifact:BRANCH or registry:ALIAS, got {value}")
    return value


BaselineSource = Annotated[str, StringConstraints(strict=True), AfterValidator(_known_source)]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Cell(Record):
    """One behaviour that the model has to show: a capability on a slice, and maybe on one data set."""

    capability: Label
    slice: Label = ALL
    dataset: Label | None = None
    weight: Positive = 1.0

    @property
    def name(self) -> str:
        """The name that a test's ``covers`` uses: ``capability:slice``."""
        return f"{self.capability}:{self.slice}"

    @property
    def title(self) -> str:
        """The name with its data set, unique among cells."""
        return self.name if self.dataset is None else f"{self.name}@{self.dataset}"


class Requirement(Record):
    """A capability with the slices and data sets it is required on; every combination is a cell."""

    capability: Label
    """What the model has to do, such as ``ranking``; tests name it in ``covers``."""
    slices: Annotated[tuple[Label, ...], Field(min_length=1)] = (ALL,)
    """Slices it is required on, such as ``age<40``; by default all examples."""
    datasets: tuple[Label, ...] = ()
    """Data sets it is required on; by default those that the tests use."""
    weight: Positive = 1.0
    """Weight of each cell."""

    @field_validator("capability")
    @classmethod
    def _no_colon(cls, value: str) -> str:
        if ":" in value:
            raise ValueError("a capability has no ':' in it; what follows the colon of a cell is its slice")
        return value

    def cells(self) -> tuple[Cell, ...]:
        """Return the cells this requirement declares."""
        return tuple(
            Cell(capability=self.capability, slice=slice_, dataset=dataset, weight=self.weight)
            for slice_ in self.slices
            for dataset in (self.datasets or (None,))
        )


class GateSettings(Record):
    """Thresholds of the gate."""

    min_pass_rate: Share = 1.0
    """Minimum share of model tests that pass, 0..1."""
    min_coverage: Share = 0.8
    """Minimum weighted share of the requirements that conclusive tests exercise, 0..1."""
    min_quality_score: Share = 0.7
    """Minimum quality score, 0..1."""
    on_undecided: Decision = Decision.ALLOW
    """Decision on a pull request when the verdict is UNDECIDED."""
    estimand: Literal["census", "sample"] = "census"
    """``census``: the tests are the behaviours; ``sample``: they stand for a larger population."""
    min_bound: Share | None = None
    """With ``estimand: sample``, the minimum 95 % lower bound of coverage × pass rate."""
    min_n: Annotated[int, Field(strict=True, ge=1)] = 30
    """Minimum number of examples of a slice for its evidence to count."""
    require_evidence: Flag | None = None
    """Whether only tests that record evidence count as coverage; by default only under ``release``."""
    policy_changes: Decision = Decision.ALLOW
    """Decision of ``pytest-mlops github post`` when a pull request loosens the policy of its base."""

    @model_validator(mode="after")
    def _sample_needs_bound(self) -> Self:
        if self.estimand == "sample" and self.min_bound is None:
            raise ValueError(
                "estimand: sample judges the lower bound, so min_bound must say how low it may be"
            )
        if self.estimand == "census" and self.min_bound is not None:
            raise ValueError("min_bound applies to estimand: sample only; remove it, or set the estimand")
        return self


class QualityMetric(Record):
    """How one metric counts in the quality score."""

    weight: Positive
    """Weight among the metrics."""
    best: Number | None = None
    """Value that scores 1; with ``worst``, the metric is scaled linearly between the two and clipped."""
    worst: Number | None = None
    """Value that scores 0."""
    dataset: Label | None = None
    """Data set it was recorded on, if several have a metric of this name."""

    @model_validator(mode="before")
    @classmethod
    def _bare_weight(cls, value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"weight": value}
        if isinstance(value, dict | cls):
            return value
        raise ValueError(f"expected a weight, as 0.4, or a mapping with weight, best, worst; got {value}")

    @model_validator(mode="after")
    def _scale(self) -> Self:
        if (self.best is None) != (self.worst is None):
            raise ValueError("a scale needs both best and worst")
        if self.best is not None and self.best == self.worst:
            raise ValueError("best and worst are the same value, which scales nothing")
        return self


class QualityWeights(Record):
    """Weights of the three components; a component without a weight does not count."""

    metrics: Positive | None = None
    """Weight of the metrics that the tests recorded."""
    tests: Positive | None = None
    """Weight of the pass rate."""
    code: Positive | None = None
    """Weight of code quality."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.metrics is None and self.tests is None and self.code is None:
            raise ValueError("no component has a weight; name at least one of metrics, tests, code")
        return self


class CodeReports(Record):
    """Reports of the tools that measure code quality; paths relative to ``mlops.yaml``."""

    coverage: Text | None = None
    """JSON report of coverage.py."""
    ruff: Text | None = None
    """``ruff check --output-format json``."""
    complexity: Text | None = None
    """``radon cc --json``."""
    source: tuple[Text, ...] = (".",)
    """Folders whose lines of Python the ruff findings are divided by."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.coverage is None and self.ruff is None and self.complexity is None:
            raise ValueError("names no report; give at least one of coverage, ruff, complexity")
        return self


class QualitySettings(Record):
    """The weighted quality score. A component that is not named here and was not measured does not count."""

    weights: QualityWeights | None = None
    """Weights of metrics, tests and code; every component named here must be measured."""
    metrics: Annotated[dict[str, QualityMetric], Field(min_length=1)] | None = None
    """Metric name -> weight, or weight and scale; every metric named here must be measured."""
    code: CodeReports | None = None
    """Reports that code quality is read from."""

    @model_validator(mode="after")
    def _named_is_weighed(self) -> Self:
        for name in ("metrics", "code"):
            named = getattr(self, name) is not None
            if named and self.weights is not None and getattr(self.weights, name) is None:
                raise ValueError(f"names {name}, but weights gives {name} no weight; add it, or drop {name}")
        return self


class BaselineSettings(Record):
    """Which version the candidate is compared with, and how."""

    sources: Annotated[
        tuple[BaselineSource, ...],
        # `from` is Python's word, so the record calls it something else.
        Field(
            validation_alias=AliasChoices("from", "sources"),
            serialization_alias="sources",
            min_length=1,
            description="Sources to try, in this order: ``file:PATH`` of a record, ``artifact:BRANCH`` of a"
            " branch's last good run on GitHub, ``registry:ALIAS`` for the version that an alias points to,"
            " or ``run`` for predictions of the same run.",
        ),
    ] = ("run",)
    pair_by: Literal["id", "position"] = "id"
    """How examples are paired; ``position`` assumes that both runs read the data in the same order."""
    removed_cases: Literal["intersect", "fail"] = "intersect"
    """If the candidate lacks examples of the baseline: compare the common ones, or refuse."""
    confidence: Confidence = 0.95
    """One-sided confidence level of the bound that is compared with the margin."""
    alpha: Annotated[float, Field(strict=True, gt=0, lt=0.5, allow_inf_nan=False)] = 0.01
    """Maximum probability of FAIL for a run without any regression, over all its rules."""
    first_run_until: Day | None = None
    """Last day on which a release may pass without a baseline."""
    max_age_days: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Days after which the record of a baseline is too old; by default never."""


class Waiver(Record):
    """A named person's decision to accept one failing rule or test until a date."""

    rule: Text | None = None
    """Name of a rule: its id, or metric, slice and data set, such as ``recall[age<40]@holdout``."""
    test: Text | None = None
    """Node id, or a glob over node ids."""
    scope: Text
    """Model versions it covers, as a glob: ``2026.11.*``, or ``*`` for every version."""
    reason: Text
    """Why the failure is acceptable."""
    approver: Text
    """Who is responsible for it."""
    expires: Day
    """Last day on which it is valid, such as 2026-12-31."""

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.rule is None) == (self.test is None):
            raise ValueError(
                "names one rule or one test, got " + ("neither" if self.rule is None else "both")
            )
        return self

    @property
    def subject(self) -> str:
        """What is waived, for messages."""
        return f"rule {self.rule}" if self.rule is not None else f"test {self.test}"


class Policy(Record):
    """Everything except the measurements that a verdict depends on."""

    requirements: tuple[Requirement, ...] = ()
    gate: GateSettings = GateSettings()
    quality: QualitySettings = QualitySettings()
    rules: tuple[Rule, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    baseline: BaselineSettings = BaselineSettings()
    accept_waived: Flag = False
    """Whether the environment of a release accepts WAIVED."""
    configured: Flag = False
    """Whether there was a ``mlops.yaml``; without one nothing is deployable."""

    def cells(self) -> tuple[Cell, ...]:
        """Return every declared cell, in the order of the file."""
        return tuple(cell for requirement in self.requirements for cell in requirement.cells())
