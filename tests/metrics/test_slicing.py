"""Slices by value, bins and predicate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import pytest_mlops
from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.slicing import EMPTY, by_slice, slices_by
from pytest_mlops.stats.estimate import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = {"age": [10, 20, 30, 40], "sex": ["f", "m", "f", "f"]}


def as_lists(**options: Any) -> dict[str, list[bool]]:
    return {name: mask.tolist() for name, mask in slices_by(COLUMNS, **options).items()}


def test_each_value_of_a_column_is_a_slice() -> None:
    assert as_lists(values=["sex"]) == {
        "sex=f": [True, False, True, True],
        "sex=m": [False, True, False, False],
    }


def test_edges_belong_to_the_bin_above() -> None:
    assert as_lists(bins={"age": [20, 40]}) == {
        "age<20": [True, False, False, False],
        "20<=age<40": [False, True, True, False],
        "age>=40": [False, False, False, True],
    }


def test_a_number_of_bins_makes_parts_of_about_one_size() -> None:
    found = slices_by({"x": np.arange(1000)}, bins={"x": 4})
    assert [int(mask.sum()) for mask in found.values()] == [250] * 4


def test_ties_make_fewer_bins() -> None:
    found = slices_by({"x": [0] * 90 + [1] * 10}, bins={"x": [1]})
    assert [int(mask.sum()) for mask in found.values()] == [90, 10]
    assert len(slices_by({"x": [0] * 50 + list(range(1, 51))}, bins={"x": 4})) == 3


def test_predicates_are_masks_or_functions_of_the_columns() -> None:
    found = as_lists(where={"old": [False, False, False, True], "f": lambda c: np.array(c["sex"]) == "f"})
    assert found == {"old": [False, False, False, True], "f": [True, False, True, True]}


def test_a_data_frame_is_cut_as_well() -> None:
    frame = pd.DataFrame(COLUMNS)
    found = slices_by(frame, values=["sex"], where={"old": frame["age"] > 30})
    assert found["old"].tolist() == [False, False, False, True]
    with pytest.raises(RecordingError, match="there is no column 'size'; expected one of age, sex"):
        slices_by(frame, values=["size"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "no slices are defined"),
        ({"values": ["size"]}, "no column 'size'; expected one of age, sex"),
        ({"bins": {"age": 1}}, "bins of age is 1"),
        ({"bins": {"age": [3, 2]}}, "expected increasing finite numbers"),
        ({"bins": {"age": [float("nan")]}}, "expected increasing finite numbers"),
        ({"bins": {"age": []}}, "has no edges"),
        ({"bins": {"sex": 2}}, "sex is text"),
        ({"where": {"w": [1, 0, 1, 0]}}, "expected booleans"),
        ({"where": {"w": [True]}, "values": ["sex"]}, "has length 1"),
        ({"values": ["sex"], "where": {"sex=f": [True] * 4}}, "two slices are named 'sex=f'"),
    ],
)
def test_what_makes_no_slices_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        slices_by(COLUMNS, **options)


def test_a_column_of_ids_is_refused() -> None:
    with pytest.raises(RecordingError, match="1,001 distinct values; expected at most"):
        slices_by({"id": np.arange(1001)}, values=["id"])
    with pytest.raises(RecordingError, match=r"1,001 slices; expected at most 1,000"):
        slices_by({"a": np.arange(1001)}, bins={"a": list(range(1, 1001))})


def test_the_package_offers_it() -> None:
    assert pytest_mlops.slices_by is slices_by


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
