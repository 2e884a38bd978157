"""Slice floor: a metric meets a bound on every slice.

::

    - {check: slice_floor, of: holdout, model: model, metric: recall, min: 0.8, slices: ["age<40", "age>=40"]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.bounds import judge_bound, require_bounds
from pytest_mlops.checks.data import predictions_of
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Count, Label, Number
from pytest_mlops.text import list_some
from pytest_mlops.verdict import Verdict, combine

if TYPE_CHECKING:
    from pytest_mlops.metrics.predictions import Predictions
    from pytest_mlops.stats.estimate import Estimate

__all__ = ["SliceFloor"]

_SHOWN = 5
"""Slices that a message lists."""


class SliceFloor(Check):
    """A metric meets a bound on every slice, each by its confidence bound.

    PASS when the confidence bound of every slice meets the limit. This needs no correction for multiple
    tests: if any slice truly misses the limit, all of them pass with probability at most 1 - ``confidence``.
    FAIL when one slice misses the limit at a level divided by the number of slices (Bonferroni), so that many
    slices do not cause false alarms. Otherwise UNDECIDED, also for slices with fewer than ``min_n`` examples.
    """

    check: Literal["slice_floor"] = "slice_floor"
    of: FixtureName
    """Fixture with ``y_true``, ``slices``, and ``y_pred`` or ``X``."""
    model: FixtureName | None = None
    """Fixture of the model that predicts on ``X``."""
    metric: Label
    """Name of a recorded metric: ``accuracy``, ``recall``, ``mae``, …"""
    slices: tuple[Label, ...] = ()
    """Slices to check; by default all slices of the fixture."""
    min: Number | None = None
    """Minimum, inclusive."""
    max: Number | None = None
    """Maximum, inclusive."""
    min_n: Count = 30
    """Minimum number of examples of a slice."""
    confidence: Level = 0.95
    """One-sided confidence level of the bounds."""
    positive: Label | int | bool | None = None
    """Positive label of a binary task."""
    task: Literal["classification", "regression"] | None = None
    """What the values are; by default inferred from them."""

    inputs = ("of", "model")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        require_bounds(self.min, self.max)
        return self

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        found = predictions_of(context, self.of, self.model, positive=self.positive, task=self.task)
        estimates = {part: number for name, part, number in found.numbers if name == self.metric}
        names = self._names(found, estimates)
        judged = {name: self._judge(name, estimates[name], len(names)) for name in names}
        verdict = combine(verdict for verdict, _ in judged.values())
        worst = [message for one, message in judged.values() if one is verdict]
        passed = sum(one is Verdict.PASS for one, _ in judged.values())
        return CheckResult(
            verdict=verdict,
            message=f"{passed} of {len(names)} slices pass: {list_some(worst, _SHOWN, separator='; ')}",
            measurements=tuple((f"{self.title()}.{self.metric}", name, estimates[name]) for name in names),
        )

    def _names(self, found: Predictions, estimates: dict[str, Estimate]) -> list[str]:
        if not estimates:
            known = ", ".join(sorted({name for name, _, _ in found.numbers}))
            raise IncompleteEvidence(f"{self.metric} was not measured; expected one of {known}")
        present = [name for name in estimates if name != ALL]
        names = list(dict.fromkeys(self.slices)) or present
        if not names:
            raise IncompleteEvidence(
                f"the fixture {self.of!r} has no slices; add slices, or use the check metric_floor"
            )
        if missing := [name for name in names if name not in estimates]:
            raise IncompleteEvidence(
                f"the fixture {self.of!r} has no slice {', '.join(missing)}; expected one of "
                f"{', '.join(present) or 'none'}"
            )
        return names

    def _judge(self, name: str, estimate: Estimate, tests: int) -> tuple[Verdict, str]:
        what = f"{self.metric} on {name}"
        if estimate.n and estimate.n < self.min_n:
            return Verdict.UNDECIDED, f"{what} has n = {estimate.n}, needs {self.min_n}"
        try:
            return judge_bound(
                what, estimate, least=self.min, most=self.max, confidence=self.confidence, tests=tests
            )
        except IncompleteEvidence as error:
            return Verdict.INCOMPLETE, str(error)
