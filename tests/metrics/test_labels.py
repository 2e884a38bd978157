"""What the labels are: task, positive label, probabilities."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.predictions import Predictions, measure_predictions

if TYPE_CHECKING:
    from pytest_mlops.stats.estimate import Estimate

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


def refused(message: str, y_true: object = (1, 0, 1), y_pred: object = (1, 0, 0), **others: Any) -> None:
    with pytest.raises(RecordingError, match=re.escape(message)):
        measure_predictions(y_true, y_pred, **others)


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
    positive = "b" if task == "classification" and "b" in y_true else None
    assert measure_predictions(y_true, y_pred, positive=positive).task == task


def test_the_task_may_be_said() -> None:
    assert list(values(measure_predictions([0, 1, 0], [0, 1, 1], task="regression"))) == REGRESSION
    floats = measure_predictions([0.0, 1.0, 2.0], [0.0, 1.0, 1.0], task="classification")
    assert floats.note == "macro over 3 classes"
    assert measure_predictions([0, 1], [0.3, 0.7], task="regression").task == "regression"


@pytest.mark.parametrize(
    ("y_true", "y_pred", "positive", "note"),
    [
        ([0, 1], [0, 1], None, "binary, positive=1"),
        ([0, 1], [0, 1], 0, "binary, positive=0"),
        ([0, 1], [0, 1], np.int64(0), "binary, positive=0"),
        ([0, 1], [0, 1], True, "binary, positive=1"),
        ([0.0, 1.0], [0.0, 1.0], 1.0, "binary, positive=1"),
        ([-1, 1], [1, 1], 1, "binary, positive=1"),
        ([True, False], [True, True], None, "binary, positive=True"),
        ([True, False], [1, 1], None, "binary, positive=1"),
        ([1, 2], [1, 2], 2, "binary, positive=2"),
        (["bad", "good"], ["bad", "bad"], "bad", "binary, positive='bad'"),
        ([0, 0], [0, 0], None, "binary, one class only"),
        (["a", "a"], ["a", "a"], None, "macro over 1 class"),
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


def test_two_columns_of_scores_are_those_of_one_column() -> None:
    data = binary()
    names = np.array(["bad", "good"])
    score = np.column_stack([1 - data["y_score"], data["y_score"]])
    true, pred = names[data["y_true"]], names[data["y_pred"]]
    found = values(measure_predictions(true, pred, y_score=score, positive="good"))
    expected = values(measure_predictions(**data))
    assert {name: found[name] for name in SCORED} == pytest.approx({name: expected[name] for name in SCORED})


def test_scores_of_one_class_have_losses_and_no_auc() -> None:
    found = of(measure_predictions([1, 1], [1, 1], y_score=[0.9, 0.8], positive=1))
    assert found["roc_auc"].undefined == "one class only"
    assert found["brier"].value == pytest.approx(0.025)


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
        "positive is 2, and there are 6 labels, 0, 1, 2, 3, 4 and 1 more; leave it out for precision_macro",
        y_true=six,
        y_pred=six,
        positive=2,
    )


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
        ([0.5, None, 0.5], "y_score has dtype object; expected probabilities as float"),
        ([[0.5, 0.5], [0.5, 0.4], [0.5, 0.5]], "y_score sums to 0.9 in row 1; expected 1 within 1e-06"),
        (np.full((3, 3), 1 / 3), "y_score has 3 columns, and y_true with y_pred has 2 labels, 0, 1;"),
    ],
)
def test_scores_that_are_no_probabilities(y_score: object, message: str) -> None:
    refused(message, y_score=y_score)


@pytest.mark.parametrize(
    ("labels", "remedy"),
    [(["a", "b", "c"], "pass shape (n, 3)"), (["a", "a", "a"], "name the positive label with positive=")],
)
def test_one_column_of_scores_needs_a_positive_label(labels: list[str], remedy: str) -> None:
    refused(remedy, y_true=labels, y_pred=labels, y_score=[0.1, 0.2, 0.3])


def test_rows_may_miss_one_by_rounding() -> None:
    score = np.array([[0.1, 0.9 + 5e-7], [0.5, 0.5], [0.9, 0.1]])
    assert measure_predictions([1, 0, 0], [1, 0, 0], y_score=score).arrays["y_score"].shape == (3, 2)


TEXT = (["benign", "malignant", "benign"], ["benign", "benign", "benign"])


@pytest.mark.parametrize("labels", [TEXT, ([1, 2, 1], [1, 1, 1]), ([-1, 1, -1], [-1, -1, -1])])
def test_two_labels_beyond_0_and_1_need_a_positive_one(labels: tuple[list[Any], list[Any]]) -> None:
    refused("precision, recall and f1 are about one of them: expected positive=", *labels)
    assert "recall" in values(measure_predictions(*labels, positive=labels[0][1]))


def test_text_labels_have_the_recall_of_the_same_numbers() -> None:
    true, pred = np.tile([1, 0, 0, 0], 10), np.tile([0, 0, 0, 0], 10)
    names = np.array(["benign", "malignant"])
    found = measure_predictions(names[true], names[pred], positive="malignant")
    assert values(found)["recall"] == values(measure_predictions(true, pred))["recall"] == 0


@pytest.mark.parametrize("stray", [-1, 2])
def test_one_stray_label_does_not_turn_recall_into_an_average(stray: int) -> None:
    found = values(measure_predictions([stray, 1, 0, 0], [0, 0, 0, 0]))
    assert "recall" not in found
    assert "recall_macro" in found
    refused(f"y_true or y_pred has {stray}, and labels has 0, 1", [stray, 1, 0], labels=[0, 1])


def test_one_of_the_labels_0_and_1_alone_has_a_recall_that_is_undefined() -> None:
    assert of(measure_predictions([1, 1], [1, 1]))["recall"].undefined == "one class only"


def test_labels_name_those_that_do_not_occur() -> None:
    found = measure_predictions(["a", "b"], ["a", "a"], labels=["c", "b", "a"])
    assert (found.labels, found.note) == (["a", "b", "c"], "macro over 3 classes")
    assert measure_predictions([1, 1], [1, 1], labels=[0, 1]).note == "binary, positive=1"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "a", "b"], "labels has 3 entries and 2 distinct ones"),
        ([0, 1], "expected all labels, of the same kind"),
        (["b", "c"], "y_true or y_pred has 'a', and labels has 'b', 'c'"),
    ],
)
def test_labels_that_are_not_all_labels_are_refused(labels: list[Any], message: str) -> None:
    refused(message, ["a", "b"], ["a", "a"], labels=labels)


def test_integers_that_look_like_values_need_a_task() -> None:
    rng = np.random.default_rng(0)
    prices, ages = rng.integers(10_000, 900_000, 200), rng.integers(18, 90, 3000)
    near = ages + rng.integers(-3, 4, 3000)
    for true, pred in ((prices, prices), (ages, near)):
        refused("which look like values rather than labels; expected task='regression'", true, pred)
        assert measure_predictions(true, pred, task="regression").task == "regression"
        assert measure_predictions(true, pred, task="classification").task == "classification"


def test_many_labels_are_no_values() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 100, 3000)
    pred = np.where(rng.random(3000) < 0.3, rng.integers(0, 100, 3000), true)
    assert measure_predictions(true, pred).task == "classification"
    assert measure_predictions(true, true).task == "classification"
