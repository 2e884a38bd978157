"""Rules: bounds on a metric, on its value or on its change against the baseline."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pytest_mlops.names import ALL, BINARY, MACRO, better_direction, metric_title
from pytest_mlops.records.base import Flag, Label, Number, Record, Severity

__all__ = ["SHARES", "Confidence", "Rule"]

SHARES = ("accuracy", *BINARY, *MACRO, "roc_auc")
"""Recorded metrics that lie in 0..1."""

ERRORS = ("mae", "mse", "rmse", "log_loss", "brier")
"""Recorded metrics for which lower is better."""

Confidence = Annotated[float, Field(strict=True, gt=0.5, lt=1, allow_inf_nan=False)]


class Rule(Record):
    """A bound on one metric of one slice of one data set."""

    id: Label | None = None
    """Name of the rule; by default metric, slice and data set, such as ``recall[age<40]@holdout``."""
    metric: Label
    """Name of a recorded metric."""
    slice: Label = ALL
    """Slice of the metric; by default all examples."""
    dataset: Label | None = None
    """Data set of the metric; needed if it is recorded on several."""
    min: Number | None = None
    """Minimum value, inclusive."""
    max: Number | None = None
    """Maximum value, inclusive."""
    confidence: Confidence | None = None
    """One-sided confidence level; with it the confidence bound decides instead of the value."""
    min_delta: Number | None = None
    """Minimum change, candidate minus baseline; -0.05 allows a loss of five points."""
    max_delta: Number | None = None
    """Maximum change: the allowed growth of an error, or the largest plausible gain of a score."""
    min_rel_delta: Number | None = None
    """Minimum change relative to the baseline's absolute value."""
    max_rel_delta: Number | None = None
    """Maximum change relative to the baseline's absolute value."""
    better: Literal["higher", "lower"] | None = None
    """Rule on a change: which direction is better, if the name of the metric does not tell."""
    critical: Flag = True
    """Rule on a change: whether PASS requires proof that the margin holds, or only no proven loss."""
    severity: Severity = "block"
    """``report``: reported only, not part of the verdict."""

    @property
    def name(self) -> str:
        """The name in waivers and reports."""
        title = metric_title(self.metric, self.slice, self.dataset)
        return self.id or (f"Δ{title}" if self.compares else title)

    @property
    def compares(self) -> bool:
        """Whether the rule bounds the change against the baseline rather than the value."""
        changes = (self.min_delta, self.max_delta, self.min_rel_delta, self.max_rel_delta)
        return any(bound is not None for bound in changes)

    @property
    def lower_is_better(self) -> bool:
        """Whether lower values of the metric are better."""
        return (self.better or better_direction(self.metric)) == "lower"

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        bounds_value = self.min is not None or self.max is not None
        if not (bounds_value or self.compares):
            raise ValueError(
                "has no bound; set min, max, min_delta, max_delta, min_rel_delta or max_rel_delta"
            )
        if bounds_value and self.compares:
            raise ValueError("bounds both the value and the change; write two rules")
        if self.compares and self.confidence is not None:
            raise ValueError("confidence applies only to bounds on a value; set baseline.confidence instead")
        if self.min_delta is not None and self.max_delta is not None and self.min_delta > self.max_delta:
            raise ValueError(
                f"min_delta {self.min_delta:g} is above max_delta {self.max_delta:g}; no change can meet both"
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; no value can meet both")
        if not self.compares and (self.better is not None or not self.critical):
            raise ValueError("better and critical apply only to bounds on a change; remove them")
        return self

    @model_validator(mode="after")
    def _guards_against_a_loss(self) -> Self:
        """Refuse rules that look like a margin but would allow any loss."""
        if not self.compares:
            return self
        direction = self.better or better_direction(self.metric)
        if direction is None:
            near = get_close_matches(self.metric, (*SHARES, *ERRORS), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"the name {self.metric} does not show whether higher or lower is better; set better: higher "
                f"or better: lower{hint}"
            )
        upward = self.max_delta is not None or self.max_rel_delta is not None
        if direction == "lower" and not upward and self.better is None:
            raise ValueError(
                f"lower {self.metric} is better, so min_delta and min_rel_delta limit the gain, not the "
                "loss; use max_delta or max_rel_delta, or set better: lower to limit the gain"
            )
        for name in ("min_rel_delta", "max_rel_delta"):
            bound = getattr(self, name)
            if bound is not None and bound < -1:
                raise ValueError(
                    f"{name} is {bound:g}; expected a share of the baseline of at least -1, such as -0.05 "
                    "for five percent"
                )
        if self.metric in SHARES and any(abs(bound or 0.0) > 1 for bound in (self.min_delta, self.max_delta)):
            raise ValueError(
                f"{self.metric} is in 0..1, so its change is in -1..1; write -0.05 for five points"
            )
        return self
