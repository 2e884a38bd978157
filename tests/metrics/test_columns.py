"""Columns in every wrapping, and everything that is no column of evidence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.predictions import Predictions, measure_predictions

if TYPE_CHECKING:
    from collections.abc import Callable


class Tensor:
    """Stands for tensors, which turn into arrays on request."""

    def __init__(self, items: list[float], error: Exception | None = None) -> None:
        self.items, self.error = items, error

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray[Any, Any]:
        if self.error is not None:
            raise self.error
        return np.array(self.items)


def accuracy(found: Predictions) -> float | None:
    return next(
        estimate.value for name, slice_, estimate in found.numbers if (name, slice_) == ("accuracy", "all")
    )


def refused(message: str, y_true: object = (1, 0, 1), y_pred: object = (1, 0, 0), **others: Any) -> None:
    with pytest.raises(RecordingError, match=re.escape(message)):
        measure_predictions(y_true, y_pred, **others)


@pytest.mark.parametrize(
    "wrap",
    [
        list,
        tuple,
        np.array,
        pd.Series,
        pd.Index,
        Tensor,
        lambda items: pd.DataFrame({"y": items})["y"],
        lambda items: pd.Series(items, dtype="Int64"),
        pd.Categorical,
        lambda items: np.array(items, dtype=np.uint8),
        lambda items: np.array(items, dtype=np.float16),
        np.ma.array,
    ],
)
def test_anything_that_numpy_understands_is_a_column(wrap: Callable[[list[int]], object]) -> None:
    found = measure_predictions(wrap([1, 0, 1, 1]), wrap([1, 0, 0, 1]))
    assert accuracy(found) == 0.75


@pytest.mark.parametrize(
    "wrap",
    [
        list,
        np.array,
        pd.Series,
        lambda items: np.array(items, dtype=object),
        lambda items: pd.Series(items, dtype=object),
        lambda items: pd.Series(items, dtype="category"),
        pytest.param(
            lambda items: np.array(items, dtype=np.dtypes.StringDType()),
            marks=pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 1 has none"),
        ),
    ],
)
def test_text_labels_may_come_in_any_wrapping(wrap: Callable[[list[str]], object]) -> None:
    found = measure_predictions(
        wrap(["a", "b", "b"]), wrap(["a", "b", "a"]), ids=wrap(["x", "y", "z"]), positive="b"
    )
    assert accuracy(found) == pytest.approx(2 / 3)
    assert [array.dtype.kind for array in found.arrays.values()] == ["U", "U", "U"]


@pytest.mark.parametrize("kind", [int, bool])
def test_what_was_recorded_does_not_change_with_the_callers_arrays(kind: type) -> None:
    true: np.ndarray[Any, Any] = np.array([1, 0, 1], dtype=kind)
    mask = np.array([True, True, False])
    found = measure_predictions(true, true, slices={"some": mask})
    true[:], mask[:] = 0, False
    assert found.arrays["y_true"].tolist() == [1, 0, 1]
    assert found.arrays["y_pred"].tolist() == [1, 0, 1]
    assert found.arrays["slice:some"].tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("y_pred", "message"),
    [
        ([1, 0], "y_pred has length 2 and y_true has length 3"),
        ([], "y_pred is empty; expected at least one example"),
        (1, "y_pred has shape (); expected (n,): pass one value per example"),
        ([[1], [0], [1]], "y_pred has shape (3, 1); expected (n,): pass y_pred.ravel()"),
        (
            np.ones((3, 4)),
            "y_pred has shape (3, 4); expected (n,): pass labels as y_pred and probabilities as",
        ),
        ([[1], [0, 1]], "y_pred is not array-like"),
        (Tensor([], TypeError("on the GPU")), "y_pred is not array-like (on the GPU); pass a flat list"),
        (Tensor([], RuntimeError("needs grad")), "y_pred is not array-like (needs grad); pass a flat list"),
        ([1, np.nan, np.inf], "y_pred has 2 NaN or infinite values, the first at position 1"),
        ([1, 0, None], "y_pred has 1 missing value, the first at position 2"),
        (pd.Series([1, None, 1], dtype="Int64"), "the first at position 1"),
        (pd.Series(["a", None, "b"]), "y_pred has 1 missing value, the first at position 1"),
        (["a", float("nan"), "b"], "y_pred has 1 missing value, the first at position 1"),
        (pd.Series([pd.NaT, "a", pd.NA]), "y_pred has 2 missing values, the first at position 0"),
        (["a", 1, "b"], "y_pred has 1 (int) at position 1; expected only text"),
        ([{}, 1, 0], "y_pred has {} (dict) at position 0"),
        (np.ma.array([1, 0, 1], mask=[False, True, False]), "y_pred has masked entries"),
        (np.array([1j, 0, 1]), "y_pred has dtype complex128; expected numbers, booleans or text"),
        (np.array([b"a", b"b", b"c"]), "y_pred has dtype |S1; expected numbers, booleans or text"),
        (np.array(["2026-01-01"] * 3, dtype="datetime64[D]"), "y_pred has dtype datetime64[D]"),
        (np.array([1, 2**63, 0], dtype=np.uint64), "y_pred has values up to 9223372036854775808"),
        (["a", "b", "c"], "y_pred is text and y_true is int64; expected labels of the same kind"),
        ([0.2, 0.4, 0.9], "pass labels as y_pred and probabilities as y_score, or set task='regression'"),
    ],
)
def test_predictions_that_cannot_be_evidence(y_pred: object, message: str) -> None:
    refused(message, y_pred=y_pred)


def test_truth_that_is_nothing_is_refused() -> None:
    refused("y_true is empty", y_true=[], y_pred=[])


def test_a_missing_truth_is_named_as_such() -> None:
    refused("y_true has 1 NaN or infinite value, the first at position 0", y_true=[np.nan, 1.0, 0.0])


def test_values_whose_squares_would_overflow_are_refused() -> None:
    huge = [1e300, 0.5]
    refused("y_true is 1e+300 at position 0; expected -1e+60 to 1e+60: use a larger unit", huge, huge)


def test_text_is_no_regression() -> None:
    refused("y_true is text; expected numbers", y_true=["1", "2", "3"], task="regression")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "b"], "ids has length 2 and y_true has length 3"),
        (["a", "b", "a"], "ids has 'a' at position 0 and again at 2; expected unique ids"),
        ([7, 8, 8], "ids has 8 at position 1 and again at 2"),
        ([1.0, 2.0, 3.0], "ids has dtype float64; expected text or int, so convert with .astype(str)"),
        ([True, False, True], "ids has dtype bool; expected text or int"),
        (["a", None, "b"], "ids has 1 missing value"),
    ],
)
def test_ids_that_name_no_examples(ids: object, message: str) -> None:
    refused(message, ids=ids)


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ({"all": [True] * 3}, "slices has the name 'all', which is reserved for all examples"),
        ({"": [True] * 3}, "slices has the name ''; expected text of 1 to 200 characters"),
        ({"x" * 201: [True] * 3}, "expected text of 1 to 200 characters"),
        ({7: [True] * 3}, "slices has the name 7; expected text of 1 to 200 characters"),
        ({"a": [True]}, "slices['a'] has length 1 and y_true has length 3"),
        ({"a": [1, 0, 1]}, "slices['a'] has dtype int64; expected a boolean mask"),
        ({"a": pd.Series([True, None, False])}, "slices['a'] has dtype object; expected a boolean mask"),
        ({"a": ["x", "y", "x"]}, "slices['a'] has dtype object; expected a boolean mask"),
        (
            {"a": np.ones((3, 1), dtype=bool)},
            "slices['a'] has shape (3, 1); expected (n,): pass slices['a'].ravel()",
        ),
        ({str(i): [True] * 3 for i in range(1001)}, "slices has 1001 names; expected at most 1000"),
        (["a", "b"], "slices has length 2 and y_true has length 3"),
        (["a", "all", "b"], "slices has the name 'all'"),
        (["a", None, "b"], "slices has 1 missing value, the first at position 1"),
        (
            [1, 2, 3],
            "slices has dtype int64; expected one slice name per example (convert with .astype(str))",
        ),
        (pd.DataFrame({"age": [30, 40, 50]}), "slices['age'] has dtype int64; expected a boolean mask"),
    ],
)
def test_slices_that_are_none(slices: object, message: str) -> None:
    refused(message, slices=slices)


def test_objects_that_are_all_numbers_are_numbers() -> None:
    true, score = np.array([1, 0, 1], dtype=object), np.array([0.9, 0.2, 1], dtype=object)
    found = measure_predictions(true, pd.Series([True, False, True], dtype=object), y_score=score)
    assert (found.note, found.arrays["y_true"].dtype.kind) == ("binary, positive=1", "i")
    refused("expected only text", y_true=np.array([2**70, 0, 1], dtype=object))


def test_nullable_columns_are_measured_unless_a_value_is_missing() -> None:
    whole = pd.Series([1, 0, 1], dtype="Int64")
    assert accuracy(measure_predictions(whole, whole.astype("boolean"))) == 1
    refused("y_true has 1 NaN or infinite value", y_true=pd.Series([1, None, 1], dtype="Int64"))


def test_what_can_be_read_once_is_refused_with_the_way_to_read_it() -> None:
    refused(
        "y_true is a generator, which can be read only once; pass list(y_true)", y_true=(i for i in (1, 0))
    )


def test_columns_of_pyarrow_are_measured() -> None:
    arrow = pytest.importorskip("pyarrow")
    labels = arrow.chunked_array([[1, 0], [1]])
    scores = arrow.table({"0": [0.1, 0.8, 0.2], "1": [0.9, 0.2, 0.8]})
    found = measure_predictions(labels, arrow.array([1, 0, 1]), y_score=scores, labels=[0, 1])
    assert accuracy(found) == 1
    assert found.arrays["y_score"].shape == (3, 2)


def test_a_lazy_frame_is_refused_with_the_way_to_its_values() -> None:
    polars = pytest.importorskip("polars")
    refused(
        "y_score is a lazy frame; expected its values, so call .collect() first",
        y_score=polars.LazyFrame({"0": [0.1], "1": [0.9]}),
        labels=[0, 1],
    )


def test_ids_that_are_times_are_refused_with_the_way_to_text() -> None:
    times = np.array(["2026-01-01", "2026-01-02", "2026-01-03"], dtype="M8[D]")
    refused(
        "ids has dtype datetime64[D]; expected numbers, booleans or text, so convert it with .astype(str)",
        ids=times,
    )
