"""The comparison of a candidate with its baseline."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from pytest_mlops.names import ALL, metric_title
from pytest_mlops.records.base import Count, Digest, Label, Number, Record, Share, Text

__all__ = ["BaselineRef", "Comparison", "Delta"]


class BaselineRef(Record):
    """The baseline version and its source."""

    source: Text
    """Source, as in ``baseline.from``."""
    run_id: str | None = None
    model_id: str | None = None
    version_id: str | None = None
    digest: Digest | None = None
    """Digest of the model's files."""


class Delta(Record):
    """Difference of one metric on one slice, candidate minus baseline, on the same examples."""

    metric: Label
    slice: Label = ALL
    dataset: Label | None = None
    n: Count
    """Number of paired examples."""
    candidate: Number | None = None
    baseline: Number | None = None
    delta: Number | None = None
    lower: Number | None = None
    """One-sided lower confidence bound of the difference."""
    upper: Number | None = None
    """One-sided upper bound, at the same confidence."""
    p_decrease: Share | None = None
    """P value of the null hypothesis that the metric did not decrease."""
    p_increase: Share | None = None
    """P value of the null hypothesis that the metric did not increase."""
    variance: Number | None = None
    """Variance of the per-example difference, used for power analysis."""
    removed: Count = 0
    """Number of examples that only the baseline has, of those that the metric is about."""
    removed_share: Share = 0.0
    """Their share of all examples of the baseline that the metric is about."""
    method: str = ""
    """Statistical method."""
    undefined: Text | None = None
    """Why the difference is undefined."""

    @model_validator(mode="after")
    def _whole_or_undefined(self) -> Self:
        numbers = (self.candidate, self.baseline, self.delta, self.lower, self.upper)
        missing = [number is None for number in (*numbers, self.p_decrease, self.p_increase)]
        if not (all(missing) if self.undefined is not None else not any(missing)):
            raise ValueError("expected either all numbers of a difference, or the reason why it is undefined")
        return self

    @property
    def key(self) -> tuple[str, str, str | None]:
        """(metric, slice, dataset)."""
        return (self.metric, self.slice, self.dataset)

    @property
    def title(self) -> str:
        """The key as text."""
        return metric_title(*self.key)


class Comparison(Record):
    """Result of the comparison with a baseline."""

    status: Literal["compared", "first_run", "refused"]
    message: str = ""
    """Why there is no comparison; empty if there is one."""
    baseline: BaselineRef | None = None
    confidence: Share = 0.95
    """One-sided confidence level of each bound."""
    paired: Count = 0
    """Number of examples of both versions."""
    added: Count = 0
    """Number of examples of the candidate only; they are not compared."""
    removed: Count = 0
    """Number of examples of the baseline only."""
    deltas: tuple[Delta, ...] = ()

    @model_validator(mode="after")
    def _has_reason(self) -> Self:
        if self.status != "compared" and not self.message:
            raise ValueError(f"status is {self.status} without a message; expected the reason")
        return self
