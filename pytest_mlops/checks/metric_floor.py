"""Metric floor: a metric of the predictions meets a bound.

::

    - {check: metric_floor, of: holdout, model: model, metric: recall, min: 0.9, confidence: 0.95}
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.bounds import judge_bound, require_bounds
from pytest_mlops.checks.data import predictions_of
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Label, Number

__all__ = ["MetricFloor"]


class MetricFloor(Check):
    """A metric of the predictions meets a bound, by its value or by its confidence bound."""

    check: Literal["metric_floor"] = "metric_floor"
    of: FixtureName
    """Fixture with ``y_true``, and ``y_pred`` or ``X``."""
    model: FixtureName | None = None
    """Fixture of the model that predicts on ``X``."""
    metric: Label
    """Name of a recorded metric: ``accuracy``, ``recall``, ``mae``, …"""
    slice: Label = ALL
    """Slice of the data to check."""
    min: Number | None = None
    """Minimum, inclusive."""
    max: Number | None = None
    """Maximum, inclusive."""
    confidence: Level | None = None
    """One-sided confidence level; with it the confidence bound decides instead of the value."""
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
        estimates = {(name, part): estimate for name, part, estimate in found.numbers}
        if (self.metric, self.slice) not in estimates:
            known = sorted({name for name, part in estimates if part == self.slice})
            hint = (
                f"expected one of {', '.join(known)}" if known else "there is no such slice, so check slice:"
            )
            raise IncompleteEvidence(f"{self.metric} was not measured on the slice {self.slice}; {hint}")
        estimate = estimates[self.metric, self.slice]
        verdict, message = judge_bound(
            f"{self.metric} on {self.slice}",
            estimate,
            least=self.min,
            most=self.max,
            confidence=self.confidence,
        )
        name = f"{self.title()}.{self.metric}"
        return CheckResult(verdict=verdict, message=message, measurements=((name, self.slice, estimate),))
