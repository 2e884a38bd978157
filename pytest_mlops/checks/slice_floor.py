"""Slice floor: a standard metric keeps a bound on every slice, each by its confidence bound.

::

    - {check: slice_floor, of: holdout, model: model, metric: recall, min: 0.8, slices: ["age<40", "age>=40"]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.bounds import judge_bound
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
"""Slices that the sentence speaks of."""


class SliceFloor(Check):
    """A standard metric keeps a bound on every slice.

    PASS needs the confidence bound of every slice to keep the limit, which takes no correction: with any
    slice beyond it, all of them pass with a chance of at most 1 - ``confidence``. FAIL needs one slice to be
    beyond it, shown at a level divided by the number of slices (Bonferroni), so that many slices raise no
    alarm by their number alone. Else UNDECIDED, as for a slice with fewer than ``min_n`` examples.
    """

    check: Literal["slice_floor"] = "slice_floor"
    of: FixtureName
    """Fixture with ``y_true``, ``slices``, and ``y_pred`` or ``X``."""
    model: FixtureName | None = None
    """Fixture of the model that predicts on ``X``."""
    metric: Label
    """As the recorder names it: accuracy, recall, mae, …"""
    slices: tuple[Label, ...] = ()
    """Slices that must hold; by default all that the fixture gives."""
    min: Number | None = None
    """Least value that holds."""
    max: Number | None = None
    """Greatest value that holds."""
    min_n: Count = 30
    """Least number of examples that a slice is judged on."""
    confidence: Level = 0.95
    """Of the one-sided bounds."""
    positive: Label | int | bool | None = None
    """Positive label of a binary task."""

    inputs = ("of", "model")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("bounds nothing; give min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; no value can meet both")
        return self

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Reach the verdict."""
        found = predictions_of(context, self.of, self.model, positive=self.positive)
        estimates = {part: number for name, part, number in found.numbers if name == self.metric}
        names = self._names(found, estimates)
        judged = {name: self._judge(name, estimates[name], len(names)) for name in names}
        verdict = combine(verdict for verdict, _ in judged.values())
        worst = [message for one, message in judged.values() if one is verdict]
        held = sum(one is Verdict.PASS for one, _ in judged.values())
        return CheckResult(
            verdict=verdict,
            message=f"{held} of {len(names)} slices hold: {list_some(worst, _SHOWN, separator='; ')}",
            measurements=tuple((f"{self.title()}.{self.metric}", name, estimates[name]) for name in names),
        )

    def _names(self, found: Predictions, estimates: dict[str, Estimate]) -> list[str]:
        if not estimates:
            known = ", ".join(sorted({name for name, _, _ in found.numbers}))
            raise IncompleteEvidence(f"{self.metric} was not measured of {known}")
        present = [name for name in estimates if name != ALL]
        names = list(dict.fromkeys(self.slices)) or present
        if not names:
            raise IncompleteEvidence(
                f"the fixture {self.of!r} gives no slices; give some, or use metric_floor"
            )
        if missing := [name for name in names if name not in estimates]:
            raise IncompleteEvidence(
                f"there is no slice {', '.join(missing)}; there are {', '.join(present) or 'none'}"
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
