"""The comparison of a candidate with the version it would replace."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from pytest_mlops.names import ALL, metric_title
from pytest_mlops.records.base import Count, Digest, Label, Number, Record, Share, Text

__all__ = ["BaselineRef", "Comparison", "Delta"]


class BaselineRef(Record):
    """The version that was compared with, and where it came from."""

    source: Text
    """As in ``baseline.from``."""
    run_id: str | None = None
    model_id: str | None = None
    version_id: str | None = None
    digest: Digest | None = None
    """Of the model's bytes."""


class Delta(Record):
    """Candidate minus baseline of one metric on one slice, on the same examples."""

    metric: Label
    slice: Label = ALL
    dataset: Label | None = None
    n: Count
    """Paired examples that it rests on."""
    candidate: Number | None = None
    baseline: Number | None = None
    delta: Number | None = None
    lower: Number | None = None
    """One-sided lower confidence bound of the difference."""
    upper: Number | None = None
    """One-sided upper bound, at the same confidence."""
    p_decrease: Share | None = None
    """P value of the hypothesis that the metric did not go down."""
    p_increase: Share | None = None
    """P value of the hypothesis that it did not go up."""
    variance: Number | None = None
    """Of the per-example difference, which power is planned with."""
    method: str = ""
    undefined: Text | None = None
    """Why there is no difference."""

    @model_validator(mode="after")
    def _whole_or_undefined(self) -> Self:
        numbers = (self.candidate, self.baseline, self.delta, self.lower, self.upper)
        missing = [number is None for number in (*numbers, self.p_decrease, self.p_increase)]
        if not (all(missing) if self.undefined is not None else not any(missing)):
            raise ValueError("a difference has all its numbers, or the reason why there are none")
        return self

    @property
    def key(self) -> tuple[str, str, str | None]:
        """(metric, slice, dataset)."""
        return (self.metric, self.slice, self.dataset)

    @property
    def title(self) -> str:
        """The key, for people."""
        return metric_title(*self.key)


class Comparison(Record):
    """What comparing came to."""

    status: Literal["compared", "first_run", "refused"]
    message: str = ""
    """Why there is no comparison, where there is none."""
    baseline: BaselineRef | None = None
    confidence: Share = 0.95
    """One-sided, of each bound."""
    paired: Count = 0
    """Examples that both versions were measured on."""
    added: Count = 0
    """Examples of the candidate alone; they are not compared."""
    removed: Count = 0
    """Examples of the baseline alone."""
    deltas: tuple[Delta, ...] = ()

    @model_validator(mode="after")
    def _says_why_not(self) -> Self:
        if self.status != "compared" and not self.message:
            raise ValueError(f"a comparison that is {self.status} says why")
        return self
