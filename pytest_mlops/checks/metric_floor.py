"""Metric floor: a standard metric of the predictions keeps a bound, by its value or its confidence bound.

::

    - {check: metric_floor, of: holdout, model: model, metric: recall, min: 0.9, confidence: 0.95}
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.bounds import judge_bound
from pytest_mlops.checks.data import predictions_of
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Label, Number

__all__ = ["MetricFloor"]


class MetricFloor(Check):
    """A standard metric of the predictions keeps a bound."""

    check: Literal["metric_floor"] = "metric_floor"
    of: FixtureName
    """Fixture with ``y_true``, and ``y_pred`` or ``X``."""
    model: FixtureName | None = None
    """Fixture of the model that predicts on ``X``."""
    metric: Label
    """As the recorder names it: accuracy, recall, mae, …"""
    slice: Label = ALL
    """Part of the data."""
    min: Number | None = None
    """Least value that holds."""
    max: Number | None = None
    """Greatest value that holds."""
    confidence: Level | None = None
    """With it the one-sided bound decides and not the value."""
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
        estimates = {(name, part): estimate for name, part, estimate in found.numbers}
        if (self.metric, self.slice) not in estimates:
            known = sorted({name for name, part in estimates if part == self.slice})
            what = f"of {', '.join(known)}" if known else "since there is no such slice"
            raise IncompleteEvidence(f"{self.metric} on the slice {self.slice} was not measured {what}")
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
