"""Metrics by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.slices import EMPTY, by_slice

if TYPE_CHECKING:
    from numpy.typing import NDArray


def measure(mask: NDArray[np.bool_]) -> dict[str, Estimate]:
    return {"size": Estimate(value=float(mask.sum()), n=int(mask.sum()))}


def test_every_metric_is_measured_on_every_slice() -> None:
    masks = {"all": np.ones(3, dtype=bool), "some": np.array([True, False, True])}
    assert [(name, slice_, estimate.value) for name, slice_, estimate in by_slice(measure, masks)] == [
        ("size", "all", 3),
        ("size", "some", 2),
    ]


def test_an_empty_slice_has_every_metric_and_no_value() -> None:
    masks = {"all": np.ones(3, dtype=bool), "none": np.zeros(3, dtype=bool)}
    assert by_slice(measure, masks)[1] == ("size", "none", Estimate(n=0, undefined=EMPTY))
