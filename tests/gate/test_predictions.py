"""Numbers from predictions, latencies and scores; and everything that cannot be evidence."""

from __future__ import annotations

import hashlib
import re
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from pytest_mlops.errors import RecordingError
from pytest_mlops.gate.predictions import (
    Predictions,
    data_digest,
    measure_latencies,
    measure_predictions,
    measure_scores,
)
from pytest_mlops.stats.slices import EMPTY

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.stats.estimate import Estimate

CLASSIFICATION = ["accuracy", "precision", "recall", "f1"]
SCORED = ["roc_auc", "log_loss", "brier"]
REGRESSION = ["mae", "mse", "rmse", "r2", "mean_error"]


def of(found: Predictions, slice_: str = "all") -> dict[str, Estimate]:
    return {name: estimate for name, where, estimate in found.numbers if where == slice_}


def values(found: Predictions, slice_: str = "all") -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in of(found, slice_).items()}


def binary(n: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, n)
    score = np.clip(0.5 * true + 0.5 * rng.random(n), 0, 1)
    return {"y_true": true, "y_pred": (score > 0.5).astype(int), "y_score": score}


# Metrics


def test_binary_predictions_have_all_metrics_of_scikit_learn() -> None:
    data = binary()
    true, pred, score = data["y_true"], data["y_pred"], data["y_score"]
    found = measure_predictions(**data)
    assert (found.task, found.note, found.n) == ("classification", "binary, positive=1", 60)
    assert values(found) == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(true, pred),
            "precision": oracle.precision_score(true, pred),
            "recall": oracle.recall_score(true, pred),
            "f1": oracle.f1_score(true, pred),
            "roc_auc": oracle.roc_auc_score(true, score),
            "log_loss": oracle.log_loss(true, score),
            "brier": oracle.brier_score_loss(true, score),
        }
    )
    assert of(found)["f1"].note == "binary, positive=1"
    assert of(found)["roc_auc"].note == "positive=1"


def test_without_scores_only_labels_are_measured() -> None:
    data = binary()
    assert list(values(measure_predictions(data["y_true"], data["y_pred"]))) == CLASSIFICATION


def test_many_classes_are_averaged_and_have_no_roc_auc() -> None:
    rng = np.random.default_rng(0)
    true, score = np.array(list("abcabc") * 5), rng.dirichlet(np.ones(3), 30)
    pred = np.array(list("abc"))[score.argmax(axis=1)]
    found = measure_predictions(true, pred, y_score=score)
    assert list(values(found)) == [*CLASSIFICATION, "log_loss", "brier"]
    assert values(found)["f1"] == pytest.approx(oracle.f1_score(true, pred, average="macro"))
    assert values(found)["log_loss"] == pytest.approx(oracle.log_loss(true, score, labels=list("abc")))
    assert found.note == of(found)["f1"].note == "macro over 3 classes"
    assert of(found)["brier"].note == "sum over classes"


def test_regression_has_its_own_metrics() -> None:
    true = np.array([1.5, 2.0, 4.0])
    found = measure_predictions(true, true + 1)
    assert (found.task, found.note) == ("regression", None)
    assert values(found) == pytest.approx(
        {"mae": 1, "mse": 1, "rmse": 1, "r2": oracle.r2_score(true, true + 1), "mean_error": 1}
    )


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_slice_is_measured_as_if_it_were_all(task: str) -> None:
    data = (
        binary()
        if task == "classification"
        else {"y_true": np.arange(60.0), "y_pred": np.arange(60.0) ** 1.1}
    )
    chosen = np.arange(60) % 3 == 0
    found = measure_predictions(**data, task=task, slices={"third": chosen, "everything": np.full(60, True)})
    alone = measure_predictions(**{name: value[chosen] for name, value in data.items()}, task=task)
    assert of(found, "third") == of(alone)
    assert of(found, "everything") == of(found)
    assert found.slice_sizes == {"all": 60, "third": 20, "everything": 60}


def test_scores_of_many_classes_are_measured_per_slice() -> None:
    score = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    true, chosen = np.arange(30) % 3, np.arange(30) >= 15
    found = measure_predictions(true, score.argmax(axis=1), y_score=score, slices={"late": chosen})
    assert values(found, "late")["log_loss"] == pytest.approx(oracle.log_loss(true[chosen], score[chosen]))


def test_an_empty_slice_is_recorded_and_undefined() -> None:
    found = measure_predictions([1, 0, 1], [1, 0, 0], slices={"none": [False] * 3})
    assert found.slice_sizes["none"] == 0
    assert list(of(found, "none")) == CLASSIFICATION
    assert {(number.n, number.undefined) for number in of(found, "none").values()} == {(0, EMPTY)}


def test_slices_may_be_named_example_by_example() -> None:
    found = measure_predictions([1, 0, 1], [1, 0, 0], slices=pd.Series(["old", "young", "old"]))
    assert found.slice_sizes == {"all": 3, "old": 2, "young": 1}
    assert found.arrays["slice:old"].tolist() == [True, False, True]


@given(st.integers(1, 40), st.integers(2, 4), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_permuting_examples_changes_no_number(n: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, pred = rng.integers(0, classes, n), rng.integers(0, classes, n)
    mask, rows = rng.random(n) < 0.5, rng.permutation(n)
    before = measure_predictions(true, pred, slices={"half": mask}, task="classification")
    after = measure_predictions(true[rows], pred[rows], slices={"half": mask[rows]}, task="classification")
    assert before.numbers == after.numbers


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_slices_that_share_the_examples_out_share_out_the_successes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, pred = rng.integers(0, 2, 50), rng.integers(0, 2, 50)
    found = measure_predictions(true, pred, slices=rng.choice(["a", "b", "c"], 50))
    parts = [of(found, name)["accuracy"].successes or 0 for name in found.slice_sizes if name != "all"]
    assert sum(parts) == of(found)["accuracy"].successes


# Task


@pytest.mark.parametrize(
    ("y_true", "y_pred", "task"),
    [
        (["a", "b"], ["a", "a"], "classification"),
        ([True, False], [True, True], "classification"),
        ([True, False], [1.0, 0.0], "classification"),
        ([1, 0, 7], [1, 0, 2], "classification"),
        ([0.0, 1.0], [1.0, 1.0], "classification"),
        ([0.0, 1.0, 2.0], [1.0, 1.0, 1.0], "regression"),
        ([0, 1], [1.0, 2.0], "regression"),
        ([0.5, 1.0], [0.5, 0.5], "regression"),
        ([0, 1, 2], [0.5, 0.5, 0.5], "regression"),
        ([0, 1], [0.5, 1.5], "regression"),
        ([1e17, 0.0], [1e17, 0.0], "regression"),
    ],
)
def test_the_task_is_told_from_the_values(y_true: list[Any], y_pred: list[Any], task: str) -> None:
    assert measure_predictions(y_true, y_pred).task == task


def test_the_task_may_be_said() -> None:
    assert list(values(measure_predictions([0, 1, 0], [0, 1, 1], task="regression"))) == REGRESSION
    floats = measure_predictions([0.0, 1.0, 2.0], [0.0, 1.0, 1.0], task="classification")
    assert floats.note == "macro over 3 classes"
    assert measure_predictions([0, 1], [0.3, 0.7], task="regression").task == "regression"


# Positive label


@pytest.mark.parametrize(
    ("y_true", "y_pred", "positive", "note"),
    [
        ([0, 1], [0, 1], None, "binary, positive=1"),
        ([0, 1], [0, 1], 0, "binary, positive=0"),
        ([0, 1], [0, 1], np.int64(0), "binary, positive=0"),
        ([0, 1], [0, 1], True, "binary, positive=1"),
        ([0.0, 1.0], [0.0, 1.0], 1.0, "binary, positive=1"),
        ([-1, 1], [1, 1], None, "binary, positive=1"),
        ([True, False], [True, True], None, "binary, positive=True"),
        ([True, False], [1, 1], None, "binary, positive=1"),
        ([1, 2], [1, 2], None, "macro over 2 classes; positive= makes it binary"),
        ([1, 2], [1, 2], 2, "binary, positive=2"),
        (["bad", "good"], ["bad", "bad"], None, "macro over 2 classes; positive= makes it binary"),
        (["bad", "good"], ["bad", "bad"], "bad", "binary, positive='bad'"),
        ([0, 0], [0, 0], None, "macro over 1 class"),
        ([0, 0], [0, 0], 1, "binary, positive=1"),
        ([1, 1], [1, 1], 1, "binary, positive=1"),
    ],
)
def test_the_positive_label_is_told_or_said(
    y_true: list[Any], y_pred: list[Any], positive: object, note: str
) -> None:
    assert measure_predictions(y_true, y_pred, positive=positive).note == note


def test_the_positive_label_decides_what_recall_is() -> None:
    data = (["bad", "good", "good", "bad"], ["bad", "bad", "good", "bad"])
    assert values(measure_predictions(*data, positive="bad"))["recall"] == 1
    assert values(measure_predictions(*data, positive="good"))["recall"] == 0.5


def test_a_positive_label_that_never_occurs_leaves_recall_undefined() -> None:
    found = of(measure_predictions([0, 0], [0, 0], positive=1))
    assert found["recall"].undefined == "no example is positive"
    assert found["accuracy"].value == 1


@pytest.mark.parametrize("positive", [0, 1])
def test_one_column_of_scores_belongs_to_the_positive_label(positive: int) -> None:
    data = binary()
    score = data["y_score"] if positive else 1 - data["y_score"]
    found = values(measure_predictions(data["y_true"], data["y_pred"], y_score=score, positive=positive))
    expected = values(measure_predictions(**data))
    assert {name: found[name] for name in SCORED} == pytest.approx({name: expected[name] for name in SCORED})


def test_two_columns_of_scores_need_no_positive_label() -> None:
    data = binary()
    names = np.array(["bad", "good"])
    score = np.column_stack([1 - data["y_score"], data["y_score"]])
    found = values(measure_predictions(names[data["y_true"]], names[data["y_pred"]], y_score=score))
    expected = values(measure_predictions(**data))
    assert {name: found[name] for name in SCORED} == pytest.approx({name: expected[name] for name in SCORED})


def test_scores_of_one_class_have_losses_and_no_auc() -> None:
    found = of(measure_predictions([1, 1], [1, 1], y_score=[0.9, 0.8], positive=1))
    assert found["roc_auc"].undefined == "one class only"
    assert found["brier"].value == pytest.approx(0.025)


# Columns


class Tensor:
    """Stands for tensors, which turn into arrays on request."""

    def __init__(self, items: list[float], error: Exception | None = None) -> None:
        self.items, self.error = items, error

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray[Any, Any]:
        if self.error is not None:
            raise self.error
        return np.array(self.items)


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
    assert values(found)["accuracy"] == 0.75


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
    found = measure_predictions(wrap(["a", "b", "b"]), wrap(["a", "b", "a"]), ids=wrap(["x", "y", "z"]))
    assert values(found)["accuracy"] == pytest.approx(2 / 3)
    assert [array.dtype.kind for array in found.arrays.values()] == ["U", "U", "U"]


def test_what_was_recorded_does_not_change_with_the_callers_arrays() -> None:
    true, mask = np.array([1, 0, 1]), np.array([True, True, False])
    found = measure_predictions(true, true, slices={"some": mask})
    true[:], mask[:] = 0, False
    assert found.arrays["y_true"].tolist() == [1, 0, 1]
    assert found.arrays["y_pred"].tolist() == [1, 0, 1]
    assert found.arrays["slice:some"].tolist() == [True, True, False]


def test_everything_measured_on_is_kept() -> None:
    found = measure_predictions(
        [1, 0], [1, 0], y_score=[1.0, 0.0], ids=["a", "b"], slices={"x": [True, False]}
    )
    assert sorted(found.arrays) == ["ids", "slice:x", "y_pred", "y_score", "y_true"]
    assert found.ids_given


def test_ids_are_positions_where_none_are_given() -> None:
    found = measure_predictions([1, 0], [1, 0])
    assert not found.ids_given
    assert found.arrays["ids"].tolist() == [0, 1]


# What is refused


def refused(message: str, y_true: object = (1, 0, 1), y_pred: object = (1, 0, 0), **others: Any) -> None:
    with pytest.raises(RecordingError, match=re.escape(message)):
        measure_predictions(y_true, y_pred, **others)


@pytest.mark.parametrize(
    ("y_pred", "message"),
    [
        ([1, 0], "y_pred has length 2 and y_true has length 3"),
        ([], "y_pred is empty; expected a value per example"),
        (1, "y_pred has shape (); expected (n,): pass one value per example"),
        ([[1], [0], [1]], "y_pred has shape (3, 1); expected (n,): pass y_pred.ravel()"),
        (
            np.ones((3, 4)),
            "y_pred has shape (3, 4); expected (n,): pass labels as y_pred and probabilities as",
        ),
        ([[1], [0, 1]], "y_pred is no array"),
        (Tensor([], TypeError("on the GPU")), "y_pred is no array (on the GPU); pass a flat list"),
        (Tensor([], RuntimeError("needs grad")), "y_pred is no array (needs grad); pass a flat list"),
        ([1, np.nan, np.inf], "y_pred has 2 NaN or infinite values, the first at position 1"),
        ([1, 0, None], "y_pred has 1 missing value, the first at position 2"),
        (pd.Series([1, None, 1], dtype="Int64"), "the first at position 1"),
        (pd.Series(["a", None, "b"]), "y_pred has 1 missing value, the first at position 1"),
        (["a", float("nan"), "b"], "y_pred has 1 missing value, the first at position 1"),
        (pd.Series([pd.NaT, "a", pd.NA]), "y_pred has 2 missing values, the first at position 0"),
        (["a", 1, "b"], "y_pred holds 1 (int) at position 1; expected text throughout"),
        ([{}, 1, 0], "y_pred holds {} (dict) at position 0"),
        (np.ma.array([1, 0, 1], mask=[False, True, False]), "y_pred has masked entries"),
        (np.array([1j, 0, 1]), "y_pred has dtype complex128; expected numbers, booleans or text"),
        (np.array([b"a", b"b", b"c"]), "y_pred has dtype |S1; expected numbers, booleans or text"),
        (np.array(["2026-01-01"] * 3, dtype="datetime64[D]"), "y_pred has dtype datetime64[D]"),
        (np.array([1, 2**63, 0], dtype=np.uint64), "y_pred goes up to 9223372036854775808"),
        (["a", "b", "c"], "y_pred holds text and y_true holds int64; expected labels of one kind in both"),
        ([0.2, 0.4, 0.9], "pass labels as y_pred and probabilities as y_score, or say task='regression'"),
    ],
)
def test_predictions_that_cannot_be_evidence(y_pred: object, message: str) -> None:
    refused(message, y_pred=y_pred)


def test_truth_that_is_nothing_is_refused() -> None:
    refused("y_true is empty", y_true=[], y_pred=[])


def test_a_missing_truth_is_named_as_such() -> None:
    refused("y_true has 1 NaN or infinite value, the first at position 0", y_true=[np.nan, 1.0, 0.0])


@pytest.mark.parametrize("true", [[True, False, True], [0, 1, 1]])
def test_fractions_are_no_labels(true: list[Any]) -> None:
    refused(
        "y_pred is 0.5 at position 1; expected labels (text, booleans, whole numbers)",
        y_true=true,
        y_pred=[1.0, 0.5, 1.0],
        task="classification",
    )


def test_an_unknown_task_is_refused() -> None:
    refused("task is 'ranking'; expected 'classification' or 'regression'", task="ranking")


@pytest.mark.parametrize(("argument", "value"), [("y_score", [0.1, 0.2, 0.3]), ("positive", 1)])
def test_regression_has_neither_scores_nor_a_positive_label(argument: str, value: object) -> None:
    refused(f"{argument} is given, but the task is regression", task="regression", **{argument: value})


def test_values_whose_squares_would_overflow_are_refused() -> None:
    huge = [1e300, 0.5]
    refused("y_true is 1e+300 at position 0; expected -1e+60 to 1e+60: use a larger unit", huge, huge)


def test_text_is_no_regression() -> None:
    refused("y_true holds text; expected numbers", y_true=["1", "2", "3"], task="regression")


@pytest.mark.parametrize("positive", [2, "1", 0.5, float("nan"), [1]])
def test_a_positive_label_that_is_no_label_is_refused(positive: object) -> None:
    refused(f"positive is {positive!r}; expected one of the labels, 0, 1", positive=positive)


def test_a_number_is_no_positive_label_of_text() -> None:
    refused("positive is 1; expected one of the labels, 'a'", y_true=["a"] * 3, y_pred=["a"] * 3, positive=1)


def test_a_fraction_is_no_second_label() -> None:
    refused("positive is 0.5; expected one of the labels, 0", y_true=[0] * 3, y_pred=[0] * 3, positive=0.5)


def test_many_labels_have_no_positive_one() -> None:
    six = list(range(6))
    refused(
        "positive is 2, and there are 6 labels, 0, 1, 2, 3, 4, …; leave it out for macro averages",
        y_true=six,
        y_pred=six,
        positive=2,
    )


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "b"], "ids has length 2 and y_true has length 3"),
        (["a", "b", "a"], "ids has 'a' at position 0 and again at 2; expected unique ids"),
        ([7, 8, 8], "ids has 8 at position 1 and again at 2"),
        ([1.0, 2.0, 3.0], "ids has dtype float64; expected text or int, as from .astype(str)"),
        ([True, False, True], "ids has dtype bool; expected text or int"),
        (["a", None, "b"], "ids has 1 missing value"),
    ],
)
def test_ids_that_name_no_examples(ids: object, message: str) -> None:
    refused(message, ids=ids)


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ({"all": [True] * 3}, "slices has the name 'all', which is every example already"),
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
        ({str(i): [True] * 3 for i in range(1001)}, "slices names 1001 slices; expected at most 1000"),
        (["a", "b"], "slices has length 2 and y_true has length 3"),
        (["a", "all", "b"], "slices has the name 'all'"),
        (["a", None, "b"], "slices has 1 missing value, the first at position 1"),
        ([1, 2, 3], "slices has dtype int64; expected one slice name per example, as from .astype(str)"),
        (pd.DataFrame({"a": [True] * 3}), "slices has shape (3, 1)"),
    ],
)
def test_slices_that_are_none(slices: object, message: str) -> None:
    refused(message, slices=slices)


@pytest.mark.parametrize(
    ("y_score", "message"),
    [
        ([0.5, 0.5], "y_score has length 2 and y_true has length 3"),
        ([[0.5], [0.5], [0.5]], "y_score has shape (3, 1); expected (n,): pass y_score.ravel()"),
        (np.ones((3, 2, 2)), "y_score has shape (3, 2, 2)"),
        ([0.5, 1.5, 0.5], "y_score is 1.5 at position 1; expected 0 to 1: pass probabilities, not log odds"),
        ([[0.5, 0.5], [-0.5, 1.5], [0.5, 0.5]], "y_score is -0.5 at position 1; expected 0 to 1"),
        ([0.5, np.nan, 0.5], "y_score has 1 NaN or infinite value, the first at position 1"),
        (
            [[0.5, 0.5], [0.5, 0.5], [np.nan, 0.5]],
            "y_score has 1 NaN or infinite value, the first at position 2",
        ),
        ([0.5, None, 0.5], "y_score has dtype object; expected probabilities without gaps"),
        ([[0.5, 0.5], [0.5, 0.4], [0.5, 0.5]], "y_score sums to 0.9 in row 1; expected 1 within 1e-06"),
        (np.full((3, 3), 1 / 3), "y_score has 3 columns, and y_true with y_pred has 2 labels, 0, 1;"),
    ],
)
def test_scores_that_are_no_probabilities(y_score: object, message: str) -> None:
    refused(message, y_score=y_score)


@pytest.mark.parametrize(
    ("labels", "mend"),
    [(["a", "b", "c"], "pass shape (n, 3)"), (["a", "b", "b"], "say which of two labels is positive=")],
)
def test_one_column_of_scores_needs_a_positive_label(labels: list[str], mend: str) -> None:
    refused(mend, y_true=labels, y_pred=labels, y_score=[0.1, 0.2, 0.3])


def test_rows_may_miss_one_by_rounding() -> None:
    score = np.array([[0.1, 0.9 + 5e-7], [0.5, 0.5], [0.9, 0.1]])
    assert measure_predictions([1, 0, 0], [1, 0, 0], y_score=score).arrays["y_score"].shape == (3, 2)


# Latencies and scores


def test_latencies_are_in_milliseconds() -> None:
    found = dict(measure_latencies(np.arange(1, 1001) / 1000))
    assert {name: estimate.value for name, estimate in found.items()} == pytest.approx(
        {"latency_mean_ms": 500.5, "latency_p50_ms": 500, "latency_p95_ms": 950, "latency_p99_ms": 990}
    )
    assert found["latency_p99_ms"].upper["0.95"] == pytest.approx(996)
    assert found["latency_p99_ms"].lower["0.95"] == pytest.approx(985)
    assert found["latency_p99_ms"].quantile == 0.99
    assert found["latency_mean_ms"].stderr == pytest.approx(
        np.std(np.arange(1, 1001), ddof=1) / np.sqrt(1000)
    )


def test_few_latencies_have_quantiles_without_upper_bounds() -> None:
    found = dict(measure_latencies([0.2, 0.1]))
    assert found["latency_p99_ms"].value == 200
    assert found["latency_p99_ms"].upper == {}
    assert found["latency_p99_ms"].n == 2


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ([], "seconds is empty"),
        ([0.1, -0.2], "seconds is -0.2 at position 1; expected 0 to 1e+60: give durations"),
        ([0.1, np.inf], "seconds has 1 NaN or infinite value, the first at position 1"),
        (["0.1"], "seconds holds text; expected numbers"),
    ],
)
def test_times_that_are_none(seconds: object, message: str) -> None:
    with pytest.raises(RecordingError, match=re.escape(message)):
        measure_latencies(seconds)


def test_marks_of_zero_and_one_are_a_share() -> None:
    found = measure_scores([1, 0, 1.0, True])
    assert (found.value, found.successes, found.trials, found.stderr) == (0.75, 3, 4, None)


def test_other_scores_have_a_mean_and_its_standard_error() -> None:
    found = measure_scores([0.2, 0.4])
    assert found.value == pytest.approx(0.3)
    assert found.n == 2
    assert found.stderr == pytest.approx(0.1)
    assert measure_scores([0.2]).stderr is None


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([0.5, 1.5], "values is 1.5 at position 1; expected 0 to 1: rescale"),
        ([], "values is empty"),
        ([None], "missing"),
    ],
)
def test_scores_that_are_none(marks: object, message: str) -> None:
    with pytest.raises(RecordingError, match=re.escape(message)):
        measure_scores(marks)


# Digest of the data


def digest(ids: object, y_true: object) -> str:
    return data_digest(None if ids is None else np.asarray(ids), np.asarray(y_true))


def test_the_digest_does_not_depend_on_the_order_of_examples_with_ids() -> None:
    assert digest(["a", "b", "c"], [1, 0, 2]) == digest(["c", "a", "b"], [2, 1, 0])
    assert digest([3, 1], [0.5, 0.25]) == digest([1, 3], [0.25, 0.5])


def test_without_ids_the_order_counts() -> None:
    assert digest(None, [1, 0]) != digest(None, [0, 1])


def test_equal_values_have_one_digest_whatever_their_type() -> None:
    whole = digest(None, [1, 0])
    assert whole == digest(None, [True, False]) == digest(None, [1.0, -0.0])
    assert digest(None, [0.5, -0.0]) == digest(None, [0.5, 0.0])
    wide = np.array(["a", "b"], dtype="<U40")
    assert data_digest(wide, wide) == digest(["a", "b"], ["a", "b"])


@pytest.mark.parametrize(
    ("ids", "y_true"),
    [
        (None, [1, 0]),
        (["a", "c"], [1, 0]),
        (["a", "b"], [1, 1]),
        (["a", "b"], ["1", "0"]),
        (["a", "b"], [1.5, 0]),
        ([1, 2], [1, 0]),
    ],
)
def test_other_examples_or_another_truth_have_another_digest(ids: object, y_true: object) -> None:
    assert digest(ids, y_true) != digest(["a", "b"], [1, 0])


def test_the_digest_is_that_of_every_release() -> None:
    stated = b'pytest-mlops examples 1\ntext 10\n["a", "b"]whole 2\n' + struct.pack("<2q", 1, 0)
    assert digest(["b", "a"], [0, 1]) == hashlib.sha256(stated).hexdigest()


def test_the_digest_is_over_what_was_measured() -> None:
    found = measure_predictions(["x", "y"], ["x", "x"], ids=["é", "\ud800"])
    assert len(data_digest(found.arrays["ids"], found.arrays["y_true"])) == 64
