"""Metrics of predictions, and the digest of their data."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from pytest_mlops.metrics.predictions import (
    Predictions,
    data_digest,
    measure_predictions,
)
from pytest_mlops.metrics.slicing import EMPTY

if TYPE_CHECKING:
    from pytest_mlops.stats.estimate import Estimate

CLASSIFICATION = ["accuracy", "precision", "recall", "f1"]


def of(found: Predictions, slice_: str = "all") -> dict[str, Estimate]:
    return {name: estimate for name, where, estimate in found.numbers if where == slice_}


def values(found: Predictions, slice_: str = "all") -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in of(found, slice_).items()}


def binary(n: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, n)
    score = np.clip(0.5 * true + 0.5 * rng.random(n), 0, 1)
    return {"y_true": true, "y_pred": (score > 0.5).astype(int), "y_score": score}


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
    macro = ["precision_macro", "recall_macro", "f1_macro"]
    assert list(values(found)) == ["accuracy", *macro, "log_loss", "brier"]
    assert values(found)["f1_macro"] == pytest.approx(oracle.f1_score(true, pred, average="macro"))
    assert values(found)["log_loss"] == pytest.approx(oracle.log_loss(true, score, labels=list("abc")))
    assert found.note == of(found)["f1_macro"].note == "macro over 3 classes"
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
    known: dict[str, Any] = {"task": "classification", "labels": range(classes)}
    before = measure_predictions(true, pred, slices={"half": mask}, **known)
    after = measure_predictions(true[rows], pred[rows], slices={"half": mask[rows]}, **known)
    assert before.numbers == after.numbers


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_slices_that_share_the_examples_out_share_out_the_successes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, pred = rng.integers(0, 2, 50), rng.integers(0, 2, 50)
    found = measure_predictions(true, pred, slices=rng.choice(["a", "b", "c"], 50))
    parts = [of(found, name)["accuracy"].successes or 0 for name in found.slice_sizes if name != "all"]
    assert sum(parts) == of(found)["accuracy"].successes


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
    found = measure_predictions(["x", "y"], ["x", "x"], ids=["é", "\ud800"], positive="y")
    assert len(data_digest(found.arrays["ids"], found.arrays["y_true"])) == 64
