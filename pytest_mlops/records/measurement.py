"""Recorded metrics, arrays and artifacts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from pytest_mlops.names import ALL, metric_title
from pytest_mlops.records.base import Count, Digest, Flag, Label, Number, Record, Share, Text

__all__ = [
    "ArrayRef",
    "ArtifactRef",
    "Basis",
    "Binomial",
    "Measurement",
    "Normal",
    "OrderStatistics",
    "Origin",
    "WeakSpot",
]


class Binomial(Record):
    """The value is ``successes / trials``."""

    kind: Literal["binomial"] = "binomial"
    successes: Count
    trials: Annotated[int, Field(strict=True, ge=1)]

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.successes > self.trials:
            raise ValueError(
                f"got {self.successes} successes in {self.trials} trials; expected at most as many"
            )
        return self


class Normal(Record):
    """The value is asymptotically normal with this standard error."""

    kind: Literal["normal"] = "normal"
    stderr: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    least: Number | None = None
    """Smallest possible value; the lower bound is clipped there."""
    most: Number | None = None
    """Largest possible value; the upper bound is clipped there."""


class OrderStatistics(Record):
    """The value is a quantile, bounded by order statistics."""

    kind: Literal["order_statistics"] = "order_statistics"
    quantile: Share
    lower: dict[str, Number]
    """One-sided confidence level, such as ``0.95`` -> lower bound."""
    upper: dict[str, Number]
    """One-sided confidence level -> upper bound."""


Basis = Annotated[Binomial | Normal | OrderStatistics, Field(discriminator="kind")]


class Origin(StrEnum):
    """The recording call that a metric came from."""

    METRIC = "metric"
    PREDICTIONS = "predictions"
    LATENCIES = "latencies"
    SCORE = "score"


class Measurement(Record):
    """One recorded metric; its key (name, slice, dataset) is unique within a run."""

    name: Label
    slice: Label = ALL
    dataset: Label | None = None
    value: Number | None
    """The value; ``None`` if the metric is undefined on the data."""
    undefined: Text | None = None
    """Why the metric is undefined."""
    n: Count | None = None
    """Sample size, if known."""
    basis: Basis | None = None
    """Statistics that a confidence interval is computed from; ``None`` without an interval."""
    origin: Origin
    test: Text
    """Node id of the test that recorded it."""
    note: Text | None = None
    """How the metric was computed: averaging, positive label."""
    contended: Flag = False
    """Whether this is a latency measured with other workers running on the same machine."""

    @model_validator(mode="after")
    def _value_or_reason(self) -> Self:
        if (self.value is None) == (self.undefined is None):
            raise ValueError("expected either a value, or the reason why it is undefined")
        return self

    @property
    def key(self) -> tuple[str, str, str | None]:
        """(name, slice, dataset)."""
        return (self.name, self.slice, self.dataset)

    @property
    def title(self) -> str:
        """The key as text."""
        return metric_title(*self.key)


class WeakSpot(Record):
    """A slice, or an intersection of two, on which the model performs worse than on the rest.

    Weak spots are found by a search and do not affect the verdict: a search over many slices always finds
    some. They suggest where to look, or which requirement or rule to declare for the next run.
    """

    slice: Text
    """Name of the slice; two names are joined by ``and``."""
    n: Count
    """Number of examples in the slice."""
    value: Number
    """Accuracy on the slice, or the negative mean absolute error."""
    rest: Number
    """The same metric on all other examples."""
    q: Share
    """P value adjusted for the number of slices searched (Benjamini and Hochberg)."""


class ArrayRef(Record):
    """Reference to per-example arrays stored beside the record as ``arrays/<digest>.npz``."""

    digest: Digest
    size: Count
    """Size in bytes."""
    n: Count
    """Number of examples."""
    dataset: Label | None = None
    fields: tuple[Text, ...]
    """Names of the arrays in the file."""
    data: Digest
    """SHA-256 over ids and true values; equal digests mean the same examples."""
    ids: Literal["given", "position"] = "position"
    """Source of the example ids."""
    task: Literal["classification", "regression", "score"] = "classification"
    """Content of the arrays: labels, values, or one score or loss per example."""
    positive: StrictStr | StrictBool | StrictInt | None = None
    """The positive label, if one was given."""
    labels: tuple[StrictStr | StrictBool | StrictInt, ...] | None = None
    """All labels in sorted order, if they were given; the columns of probabilities are in this order."""
    name: Label | None = None
    """Name of the score."""
    scored_by: Text | None = None
    """Version of the metric or judge that produced a score; scores of different versions are not compared."""
    weak_spots: tuple[WeakSpot, ...] = ()
    """Slices on which the model performs worse than on the rest."""
    test: Text
    """Node id of the test that recorded the arrays."""


class ArtifactRef(Record):
    """Reference to a file that a test stored beside the record as ``artifacts/<digest>``."""

    name: Label
    digest: Digest
    size: Count
    test: Text
