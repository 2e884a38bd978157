"""Where a model does worse than elsewhere: a search over recorded slices and their pairs, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.names import ALL
from pytest_mlops.stats.weak_slices import weak_slices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_mlops.metrics.predictions import Predictions

__all__ = ["MOST_SHOWN", "weak_spots"]

MOST_SHOWN = 10
"""Slices that are kept, those with the largest gaps."""
PAIR_BUDGET = 20_000_000
"""Examples × pairs of slices that are looked at, about a fifth of a second; above it single slices are."""


def weak_spots(found: Predictions) -> list[dict[str, Any]]:
    """Search the slices of predictions, and where affordable their pairs, for those the model is worse on.

    What counts of an example is whether its label is right, or minus the absolute error of its value.

    Returns:
        What :class:`~pytest_mlops.records.measurement.WeakSpot` holds, in JSON types.
    """
    slices = {name: found.arrays[f"slice:{name}"] for name in found.slice_sizes if name != ALL}
    if not slices:
        return []
    affordable = found.n * len(slices) * (len(slices) - 1) // 2 <= PAIR_BUDGET
    weak = weak_slices(_scores(found.arrays, found.task), slices, pairs=affordable)[:MOST_SHOWN]
    return [{"slice": one.name, "n": one.n, "value": one.mean, "rest": one.rest, "q": one.q} for one in weak]


def _scores(arrays: Mapping[str, NDArray[Any]], task: str) -> NDArray[np.float64]:
    """Return one score per example (n,), higher better."""
    true, predicted = arrays["y_true"], arrays["y_pred"]
    if task == "classification":
        return np.asarray(true == predicted, dtype=np.float64)
    return -np.abs(true.astype(np.float64) - predicted.astype(np.float64))
