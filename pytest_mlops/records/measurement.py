"""Measurements: recorded numbers, with the data for their confidence intervals."""

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
            raise ValueError(f"{self.successes} successes in {self.trials} trials")
        return self


class Normal(Record):
    """The value is asymptotically normal with this standard error."""

    kind: Literal["normal"] = "normal"
    stderr: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    least: Number | None = None
    """Minimum possible value; bounds are clipped to it."""
    most: Number | None = None
    """Maximum possible value."""


class OrderStatistics(Record):
    """The value is a quantile, bounded by order statistics; one-sided confidence -> bound."""

    kind: Literal["order_statistics"] = "order_statistics"
    quantile: Share
    lower: dict[str, Number]
    """One-sided confidence level, such as ``0.95`` -> lower bound at that level."""
    upper: dict[str, Number]


Basis = Annotated[Binomial | Normal | OrderStatistics, Field(discriminator="kind")]


class Origin(StrEnum):
    """Which recording call a number came from."""

    METRIC = "metric"
    PREDICTIONS = "predictions"
    LATENCIES = "latencies"
    SCORE = "score"


class Measurement(Record):
    """One recorded number. Its key (name, slice, dataset) is unique in a run."""

    name: Label
    slice: Label = ALL
    dataset: Label | None = None
    value: Number | None
    """``None`` if the metric is undefined on these data."""
    undefined: Text | None = None
    """Why it is undefined."""
    n: Count | None = None
    """Number of examples, if known."""
    basis: Basis | None = None
    """What an interval is computed from; ``None`` if there is none."""
    origin: Origin
    test: Text
    """Node id of the test that recorded it."""
    note: Text | None = None
    """How it was computed: averaging, positive label."""
    contended: Flag = False
    """A time measured while other workers were running on the same machine."""

    @model_validator(mode="after")
    def _value_or_reason(self) -> Self:
        if (self.value is None) == (self.undefined is None):
            raise ValueError("a measurement has either a value or the reason why there is none")
        return self

    @property
    def key(self) -> tuple[str, str, str | None]:
        """(name, slice, dataset)."""
        return (self.name, self.slice, self.dataset)

    @property
    def title(self) -> str:
        """The key, for messages."""
        return metric_title(*self.key)


class WeakSpot(Record):
    """A slice, or two combined, on which the model is worse than elsewhere; found by search.

    It does not affect the verdict: a search over all slices always finds some. Look closer there, and
    consider a requirement or a rule for the next run.
    """

    slice: Text
    """Name of the slice, two joined by ``and``."""
    n: Count
    """Examples in it."""
    value: Number
    """Accuracy in it, or minus the mean absolute error."""
    rest: Number
    """The same of all other examples."""
    q: Share
    """P value, adjusted for all slices searched (Benjamini and Hochberg)."""


class ArrayRef(Record):
    """Per-example arrays, stored beside the record as ``arrays/<digest>.npz``."""

    digest: Digest
    size: Count
    """Bytes."""
    n: Count
    """Examples."""
    dataset: Label | None = None
    fields: tuple[Text, ...]
    """Names of the arrays."""
    data: Digest
    """SHA-256 over the ids and the true values only: equal digests mean the same examples."""
    ids: Literal["given", "position"] = "position"
    """Where the example ids came from."""
    task: Literal["classification", "regression", "score"] = "classification"
    """Content of the arrays: labels, values, or one score or loss per example."""
    positive: StrictStr | StrictBool | StrictInt | None = None
    """The positive label, if one was given."""
    name: Label | None = None
    """Name of the score."""
    scored_by: Text | None = None
    """Version of the metric or judge that gave a score; two versions' scores are not compared."""
    weak_spots: tuple[WeakSpot, ...] = ()
    """Slices on which the model is worse than elsewhere."""
    test: Text


class ArtifactRef(Record):
    """A file that a test recorded, stored beside the record as ``artifacts/<digest>``."""

    name: Label
    digest: Digest
    size: Count
    test: Text
