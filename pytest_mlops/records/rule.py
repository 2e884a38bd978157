"""Rules: bounds on one metric of one slice, on its value or on its change against a baseline."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pytest_mlops.names import ALL, better_direction, metric_title
from pytest_mlops.records.base import Flag, Label, Number, Record, Severity

__all__ = ["SHARES", "Confidence", "Rule"]

SHARES = ("accuracy", "precision", "recall", "f1", "roc_auc")
"""Recorded metrics that lie in 0..1."""

ERRORS = ("mae", "mse", "rmse", "log_loss", "brier")
"""Recorded metrics that are better when lower."""

Confidence = Annotated[float, Field(strict=True, gt=0.5, lt=1, allow_inf_nan=False)]


class Rule(Record):
    """A bound on one metric of one slice of one data set."""

    id: Label | None = None
    """Name of the rule; by default its metric, slice and data set, such as ``recall[age<40]@holdout``."""
    metric: Label
    """Name of a recorded metric."""
    slice: Label = ALL
    """Slice that it was recorded on; by default all examples."""
    dataset: Label | None = None
    """Data set it was recorded on, if several have a metric of this name."""
    min: Number | None = None
    """Minimum value, inclusive."""
    max: Number | None = None
    """Maximum value, inclusive."""
    confidence: Confidence | None = None
    """One-sided confidence level; with it the confidence bound decides instead of the estimate."""
    min_delta: Number | None = None
    """Minimum change, candidate minus baseline: -0.05 allows a loss of five points."""
    max_delta: Number | None = None
    """Maximum change: the allowed growth of an error, or the largest plausible gain of a score."""
    min_rel_delta: Number | None = None
    """Minimum change as a share of the baseline's absolute value."""
    max_rel_delta: Number | None = None
    """Maximum change as a share of the baseline's absolute value."""
    better: Literal["higher", "lower"] | None = None
    """For a rule on the change: the better direction, if the metric has no standard name."""
    critical: Flag = True
    """For a rule on the change: whether PASS needs proof that the margin holds, or only no proven loss."""
    severity: Severity = "block"
    """``report``: shown, but not part of the verdict."""

    @property
    def name(self) -> str:
        """The name that waivers and reports use."""
        title = metric_title(self.metric, self.slice, self.dataset)
        return self.id or (f"Δ{title}" if self.compares else title)

    @property
    def compares(self) -> bool:
        """Whether it bounds the change against a baseline, and not the value."""
        changes = (self.min_delta, self.max_delta, self.min_rel_delta, self.max_rel_delta)
        return any(bound is not None for bound in changes)

    @property
    def lower_is_better(self) -> bool:
        """Whether less of the metric is better."""
        return (self.better or better_direction(self.metric)) == "lower"

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        bounds_value = self.min is not None or self.max is not None
        if not (bounds_value or self.compares):
            raise ValueError(
                "bounds nothing; give min, max, min_delta, max_delta, min_rel_delta or max_rel_delta"
            )
        if bounds_value and self.compares:
            raise ValueError("bounds both the value and its change; write two rules")
        if self.compares and self.confidence is not None:
            raise ValueError("confidence of a rule on the change is that of baseline:; set it there")
        if self.min_delta is not None and self.max_delta is not None and self.min_delta > self.max_delta:
            raise ValueError(f"min_delta {self.min_delta:g} is above max_delta {self.max_delta:g}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; no value can meet both")
        if not self.compares and (self.better is not None or not self.critical):
            raise ValueError("bounds a value; better and critical are for rules on the change")
        return self

    @model_validator(mode="after")
    def _guards_against_a_loss(self) -> Self:
        """Refuse rules that look like a margin and would let every loss pass."""
        if not self.compares:
            return self
        way = self.better or better_direction(self.metric)
        if way is None:
            near = get_close_matches(self.metric, (*SHARES, *ERRORS), n=1)
            hint = f", if {near[0]} is not what was meant" if near else ""
            raise ValueError(
                f"{self.metric} may be better the higher or the lower; say better: higher or lower{hint}"
            )
        upward = self.max_delta is not None or self.max_rel_delta is not None
        if way == "lower" and not upward and self.better is None:
            raise ValueError(
                f"{self.metric} is better the lower, so min_delta and min_rel_delta bound its gain, not its "
                "loss; write max_delta or max_rel_delta, or say better: lower where the gain is meant"
            )
        for name in ("min_rel_delta", "max_rel_delta"):
            bound = getattr(self, name)
            if bound is not None and bound < -1:
                raise ValueError(
                    f"{name} is {bound:g}; expected a share of the baseline, so -0.05 for five percent"
                )
        if self.metric in SHARES and any(abs(bound or 0.0) > 1 for bound in (self.min_delta, self.max_delta)):
            raise ValueError(
                f"{self.metric} lies in 0..1, so its change does too; write -0.05 for five points"
            )
        return self
