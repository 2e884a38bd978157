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
    """One behaviour the model owes: a capability on a slice, of a data set where one is named."""

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
    """A capability and the slices (and data sets) it is owed on; every combination is a cell."""

    capability: Label
    """What the model must be able to do, as ``ranking``; tests name it in ``covers``."""
    slices: Annotated[tuple[Label, ...], Field(min_length=1)] = (ALL,)
    """Parts of the data it is owed on, as ``age<40``; by default all examples."""
    datasets: tuple[Label, ...] = ()
    """Data sets it is owed on; by default whichever the tests use."""
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
    """Least share of model tests that must pass, 0..1."""
    min_coverage: Share = 0.8
    """Least weighted share of the requirements that conclusive tests must exercise, 0..1."""
    min_quality_score: Share = 0.7
    """Least quality score, 0..1."""
    on_undecided: Decision = Decision.ALLOW
    """What a pull request does when the evidence does not suffice."""
    estimand: Literal["census", "sample"] = "census"
    """``census``: the tests are the behaviours; ``sample``: they stand for a larger population."""
    min_bound: Share | None = None
    """With ``estimand: sample``, the least acceptable 95 % lower bound of coverage × pass rate."""
    min_n: Annotated[int, Field(strict=True, ge=1)] = 30
    """Examples of a slice that its evidence must rest on."""
    require_evidence: Flag | None = None
    """Whether a test that only asserts covers nothing; by default only under ``release``."""
    policy_changes: Decision = Decision.ALLOW
    """What ``pytest-mlops github post`` does where a pull request asks for less than its base."""

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
    """How one metric takes part in the quality score."""

    weight: Positive
    """Weight among the metrics."""
    best: Number | None = None
    """Value worth 1; with ``worst``, the metric is scaled linearly between the two and clipped."""
    worst: Number | None = None
    """Value worth 0."""
    dataset: Label | None = None
    """Data set it was recorded on, where a metric of this name is recorded on several."""

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
    """Weights of the three components; a component left out takes no part."""

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
    """Folders whose ``.py`` lines the ruff findings are counted against."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.coverage is None and self.ruff is None and self.complexity is None:
            raise ValueError("names no report; give at least one of coverage, ruff, complexity")
        return self


class QualitySettings(Record):
    """The weighted quality score. What is not named here drops out where it was not measured."""

    weights: QualityWeights | None = None
    """Weights of metrics, tests and code; each one named must be measured."""
    metrics: Annotated[dict[str, QualityMetric], Field(min_length=1)] | None = None
    """Metric name -> weight, or weight and scale; each one named must be measured."""
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
            description="Where to look, in this order: ``file:PATH`` of a record, ``artifact:BRANCH`` of a"
            " branch's last good run on GitHub, ``registry:ALIAS`` for the version that an alias points to,"
            " or ``run`` for predictions of the same run.",
        ),
    ] = ("run",)
    pair_by: Literal["id", "position"] = "id"
    """What makes two examples the same; ``position`` trusts that both runs read the data in one order."""
    removed_cases: Literal["intersect", "fail"] = "intersect"
    """Examples that only the baseline has: compare what both have, or refuse."""
    confidence: Confidence = 0.95
    """One-sided, of the bound that a margin is held against."""
    alpha: Annotated[float, Field(strict=True, gt=0, lt=0.5, allow_inf_nan=False)] = 0.01
    """Chance that a run with no regression anywhere is failed, over all its rules together."""
    first_run_until: Day | None = None
    """Last day on which a release may pass without a baseline."""
    max_age_days: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Days after which the record of a baseline is too old to compare with; by default never."""


class Waiver(Record):
    """A named person's decision to let one failing rule or test through, for a while."""

    rule: Text | None = None
    """Name of a rule: its id, or metric, slice and data set, as ``recall[age<40]@holdout``."""
    test: Text | None = None
    """Node id, or a glob over node ids."""
    scope: Text
    """Model versions it covers, as a glob: ``2026.11.*``, or ``*`` for every version."""
    reason: Text
    """Why it may be let through."""
    approver: Text
    """Who answers for it."""
    expires: Day
    """Last day on which it counts, as 2026-12-31."""

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
    """Everything besides the measurements that a verdict depends on."""

    requirements: tuple[Requirement, ...] = ()
    gate: GateSettings = GateSettings()
    quality: QualitySettings = QualitySettings()
    rules: tuple[Rule, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    baseline: BaselineSettings = BaselineSettings()
    accept_waived: Flag = False
    """Whether the environment of a release accepts WAIVED."""
    configured: Flag = False
    """Whether a ``mlops.yaml`` was there; without one nothing is deployable."""

    def cells(self) -> tuple[Cell, ...]:
        """Return every declared cell, in the order of the file."""
        return tuple(cell for requirement in self.requirements for cell in requirement.cells())
