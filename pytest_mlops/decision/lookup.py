"""Lookup of recorded metrics, with suggestions for unknown names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pytest_mlops.names import BINARY, metric_title
from pytest_mlops.text import list_some

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_mlops.records.measurement import Measurement

__all__ = ["Measurements"]

MOST_COMPARED = 500
"""Maximum number of names searched for similar ones, at about ten microseconds each."""


class Measurements:
    """The measurements of a run, by key (name, slice, dataset)."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._by_key = {measurement.key: measurement for measurement in measurements}
        self._by_slice: dict[tuple[str, str], list[Measurement]] = {}
        for (name, slice_, _), measurement in self._by_key.items():
            self._by_slice.setdefault((name, slice_), []).append(measurement)

    def find(self, name: str, slice_: str, dataset: str | None) -> Measurement | str:
        """Return the measurement, or a message if there is not exactly one.

        Without ``dataset`` the metric must be recorded on a single data set.
        """
        exact = self._by_key.get((name, slice_, dataset))
        if exact is not None:
            return exact
        if dataset is None:
            others = self._by_slice.get((name, slice_), [])
            if len(others) == 1:
                return others[0]
            if others:
                names = ", ".join(sorted(str(other.dataset) for other in others))
                requested = metric_title(name, slice_, None)
                return f"{requested} was recorded on the data sets {names}; choose one with dataset:"
        return self._absent(name, slice_, dataset)

    def on_every_dataset(self, name: str, slice_: str) -> list[Measurement]:
        """Return the measurements of a metric, one per data set."""
        return list(self._by_slice.get((name, slice_), []))

    def _absent(self, name: str, slice_: str, dataset: str | None) -> str:
        requested = metric_title(name, slice_, dataset)
        if not self._by_key:
            return f"{requested} was not recorded; this run recorded no metrics"
        average = self._by_slice.get((f"{name}_macro", slice_)) if name in BINARY else None
        if average:
            return (
                f"{requested} was not recorded, since there are more than two labels; name {name}_macro, the"
                f" average ({average[0].note}), or reduce the labels to two"
            )
        titles = {metric_title(*key) for key in self._by_key}
        near = get_close_matches(requested, sorted(titles), n=3) if len(titles) <= MOST_COMPARED else []
        near = near or sorted(title for title in titles if title.startswith(requested))[:3]
        hint = (
            f"; did you mean {' or '.join(near)}?"
            if near
            else f"; recorded were {list_some(sorted(titles), 5)}"
        )
        return f"{requested} was not recorded{hint}"
