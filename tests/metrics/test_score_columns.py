"""Which column of probabilities belongs to which label."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.predictions import measure_predictions

if TYPE_CHECKING:
    from pytest_mlops.metrics.predictions import Predictions


def table(classes: int, n: int = 240) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return codes (n,), and probabilities (n, K) that are right for all of them."""
    codes = np.arange(n) % classes
    scores = np.full((n, classes), 0.1 / (classes - 1))
    scores[np.arange(n), codes] = 0.9
    return codes, scores


def loss(found: Predictions) -> float | None:
    return next(number.value for name, part, number in found.numbers if (name, part) == ("log_loss", "all"))


RIGHT = pytest.approx(-np.log(0.9))


def refused(message: str, *data: Any, **options: Any) -> None:
    with pytest.raises(RecordingError, match=re.escape(message)):
        measure_predictions(*data, **options)


def test_columns_in_the_order_of_the_network_are_refused_without_labels() -> None:
    names = np.array(["ok", "fraud"])
    codes, scores = table(2)
    data = (names[codes], names[codes])
    refused("argmax of y_score is y_pred in 0.0% of the rows", *data, y_score=scores, positive="fraud")
    assert loss(measure_predictions(*data, y_score=scores, positive="fraud", labels=names)) == RIGHT


@pytest.mark.parametrize("positive", [0, 1])
def test_one_column_of_the_other_label_is_refused(positive: int) -> None:
    codes, scores = table(2)
    refused("argmax of y_score is y_pred", codes, codes, y_score=scores[:, 1 - positive], positive=positive)


def test_a_threshold_far_from_one_half_is_no_other_order() -> None:
    score = np.linspace(0.0, 0.4, 200)
    pred = (score > 0.01).astype(int)
    measure_predictions(pred, pred, y_score=score)
    measure_predictions(pred, pred, y_score=np.stack([1 - score, score], axis=1), labels=[0, 1])


def test_two_swapped_columns_of_many_are_refused() -> None:
    codes, scores = table(12)
    swapped = scores[:, [1, 0, *range(2, 12)]]
    refused("argmax of y_score is y_pred in 83.3% of the rows", codes, codes, y_score=swapped)


def test_numbers_as_text_have_no_order_of_their_own() -> None:
    names = np.array([str(code) for code in range(12)])
    codes, scores = table(12)
    data = (names[codes], names[codes])
    refused("the labels are numbers as text", *data, y_score=scores)
    assert loss(measure_predictions(*data, y_score=scores, labels=names)) == RIGHT
    by_text = np.argsort(names)
    assert loss(measure_predictions(*data, y_score=scores[:, by_text], labels=names[by_text])) == RIGHT


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_names_of_a_data_frames_columns_are_the_labels(library: str) -> None:
    frame = pytest.importorskip(library).DataFrame
    names = ["dog", "cat", "eel"]
    codes, scores = table(3)
    labels = np.array(names)[codes]
    columns = frame({name: scores[:, code] for code, name in enumerate(names)})
    seen = labels != "eel"
    assert loss(measure_predictions(labels, labels, y_score=columns)) == RIGHT
    some = columns.to_numpy()[seen]
    few = frame({name: some[:, code] for code, name in enumerate(names)})
    found = measure_predictions(labels[seen], labels[seen], y_score=few)
    assert loss(found) == RIGHT
    assert found.labels == ["cat", "dog", "eel"]


@pytest.mark.parametrize("names", [[2, 0, 1], ["2", "0", "1"]])
def test_columns_may_be_named_after_numbers(names: list[Any]) -> None:
    codes, scores = table(3)
    columns = pd.DataFrame(scores[:, [2, 0, 1]], columns=names)
    assert loss(measure_predictions(codes, codes, y_score=columns)) == RIGHT


def test_columns_with_other_names_are_refused() -> None:
    codes, scores = table(3)
    labels = np.array(["a", "b", "c"])[codes]
    columns = pd.DataFrame(scores, columns=["p_a", "p_b", "p_c"])
    refused("expected columns named after the labels", labels, labels, y_score=columns)
    assert loss(measure_predictions(labels, labels, y_score=pd.DataFrame(scores))) == RIGHT


def test_a_class_that_does_not_occur_keeps_its_column() -> None:
    codes, scores = table(3)
    seen = codes != 2
    labels = np.array(["cat", "dog", "bird"])[codes[seen]]
    refused(
        "y_score has 3 columns, and y_true with y_pred has 2 labels",
        labels,
        labels,
        y_score=scores[seen],
        positive="cat",
    )
    found = measure_predictions(labels, labels, y_score=scores[seen], labels=["cat", "dog", "bird"])
    assert loss(found) == RIGHT
    assert found.arrays["y_score"][0].tolist() == pytest.approx([0.05, 0.9, 0.05])


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_a_score_beyond_1_by_rounding_is_clipped(kind: str) -> None:
    one = np.ones(1, dtype=kind)
    score = np.array([one[0] + np.finfo(kind).eps, -np.finfo(kind).eps, 1, 0], dtype=kind)
    found = measure_predictions([1, 0, 1, 0], [1, 0, 1, 0], y_score=score)
    assert found.arrays["y_score"].tolist() == [1, 0, 1, 0]


def test_rounding_of_float32_is_known_after_a_conversion() -> None:
    score = np.array([1.0000001, 0.1], dtype=np.float32).astype(np.float64)
    assert measure_predictions([1, 0], [1, 0], y_score=score).arrays["y_score"].max() == 1


@pytest.mark.parametrize("beyond", [1.0000001, 1.00001])
def test_a_score_beyond_rounding_is_refused_with_all_its_digits(beyond: float) -> None:
    refused(f"y_score is {beyond} at position 0", [1, 0], [1, 0], y_score=[beyond, 0.1])


def test_rows_of_float16_sum_to_1_within_its_rounding() -> None:
    rng = np.random.default_rng(0)
    score = rng.dirichlet(np.ones(5), 100)
    pred = score.argmax(axis=1)
    measure_predictions(pred, pred, y_score=score.astype(np.float16))
