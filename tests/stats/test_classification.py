"""Accuracy, precision, recall and F1, with standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from pytest_mlops.names import BINARY, MACRO
from pytest_mlops.stats import normal
from pytest_mlops.stats.classification import ONE_CLASS, classification

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sample(n: int, classes: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    weights = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    true = rng.choice(classes, n, p=weights)
    return true, np.where(rng.random(n) < 0.8, true, rng.integers(0, classes, n))


def bootstrap(
    true: NDArray[np.intp], pred: NDArray[np.intp], classes: int, positive: int | None, metric: str
) -> float:
    """Return the standard deviation of a metric over resampled examples."""
    rng = np.random.default_rng(7)
    values = []
    for _ in range(600):
        rows = rng.integers(0, true.size, true.size)
        values.append(classification(true[rows], pred[rows], classes, positive=positive)[metric].value)
    return float(np.std(np.array(values, dtype=float)))


@given(st.integers(2, 6), st.integers(2, 80), st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_macro_averages_are_those_of_scikit_learn(classes: int, n: int, seed: int) -> None:
    true, pred = sample(n, classes, seed)
    found = classification(true, pred, classes)
    assert found["accuracy"].value == pytest.approx(accuracy_score(true, pred))
    oracle = precision_recall_fscore_support(true, pred, average="macro", zero_division=0)
    if np.unique(true).size < 2:
        assert all(found[name].undefined == ONE_CLASS for name in MACRO)
    else:
        assert [found[name].value for name in MACRO] == pytest.approx(oracle[:3])


@given(st.integers(5, 80), st.integers(0, 10_000), st.sampled_from([0, 1]))
@settings(max_examples=80, deadline=None)
def test_binary_metrics_are_those_of_scikit_learn(n: int, seed: int, positive: int) -> None:
    true, pred = sample(n, 2, seed)
    found = classification(true, pred, 2, positive=positive)
    oracle = precision_recall_fscore_support(
        true, pred, average="binary", pos_label=positive, zero_division=np.nan, labels=[0, 1]
    )
    for name, expected in zip(BINARY, oracle[:3], strict=True):
        value = found[name].value
        assert np.isnan(expected) if value is None else value == pytest.approx(expected)


@given(st.integers(2, 5), st.integers(1, 60), st.integers(0, 10_000), st.sampled_from([0, None]))
@settings(max_examples=40, deadline=None)
def test_the_order_of_examples_changes_nothing(classes: int, n: int, seed: int, positive: int | None) -> None:
    true, pred = sample(n, classes, seed)
    rows = np.random.default_rng(seed).permutation(n)
    assert classification(true, pred, classes, positive=positive) == classification(
        true[rows], pred[rows], classes, positive=positive
    )


@given(st.integers(2, 5), st.integers(1, 60), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_accuracy_is_successes_of_n(classes: int, n: int, seed: int) -> None:
    accuracy = classification(*sample(n, classes, seed), classes)["accuracy"]
    assert accuracy.value is not None
    assert (accuracy.n, accuracy.trials) == (n, n)
    assert accuracy.value * n == pytest.approx(accuracy.successes)


def test_binary_metrics_of_a_known_table() -> None:
    true = np.repeat([1, 1, 0, 0], [8, 2, 4, 86])
    pred = np.repeat([1, 0, 1, 0], [8, 2, 4, 86])
    found = classification(true, pred, 2, positive=1)
    assert (found["precision"].successes, found["precision"].trials) == (8, 12)
    assert (found["recall"].successes, found["recall"].trials) == (8, 10)
    assert (found["accuracy"].successes, found["accuracy"].trials) == (94, 100)
    assert found["f1"].value == pytest.approx(16 / 22)
    assert {found[name].n for name in BINARY} == {100}


@pytest.mark.parametrize("metric", MACRO)
@pytest.mark.parametrize("classes", [2, 4])
def test_macro_standard_errors_are_those_of_the_bootstrap(classes: int, metric: str) -> None:
    true, pred = sample(800, classes, 1)
    stderr = classification(true, pred, classes)[metric].stderr
    assert stderr == pytest.approx(bootstrap(true, pred, classes, None, metric), rel=0.12)


def test_the_standard_error_of_binary_f1_is_that_of_the_bootstrap() -> None:
    true, pred = sample(800, 2, 1)
    stderr = classification(true, pred, 2, positive=0)["f1"].stderr
    assert stderr == pytest.approx(bootstrap(true, pred, 2, 0, "f1"), rel=0.12)


def test_macro_recall_over_two_classes_has_the_variance_of_two_independent_shares() -> None:
    true = np.repeat([0, 0, 1, 1], [160, 40, 30, 20])
    pred = np.repeat([0, 1, 1, 0], [160, 40, 30, 20])
    stderr = classification(true, pred, 2)["recall_macro"].stderr
    assert stderr == pytest.approx(np.sqrt(0.8 * 0.2 / 200 + 0.6 * 0.4 / 50) / 2, rel=0.01)


def test_nothing_predicted_positive_leaves_precision_undefined() -> None:
    found = classification(np.array([0, 1, 0]), np.array([0, 0, 0]), 2, positive=1)
    assert found["precision"].undefined == "no example is predicted positive"
    assert (found["recall"].value, found["f1"].value) == (0, 0)


def test_no_positive_example_leaves_recall_undefined() -> None:
    found = classification(np.array([0, 0, 0]), np.array([0, 1, 0]), 2, positive=1)
    assert found["recall"].undefined == "no example is positive"
    assert (found["precision"].value, found["f1"].value) == (0, 0)


def test_neither_leaves_f1_undefined() -> None:
    found = classification(np.array([0, 0]), np.array([0, 0]), 2, positive=1)
    assert found["f1"].undefined == "no example is positive or predicted positive"
    assert found["accuracy"].value == 1


def test_one_true_class_leaves_macro_averages_undefined_and_accuracy_known() -> None:
    found = classification(np.array([2, 2]), np.array([2, 1]), 3)
    assert {found[name].undefined for name in MACRO} == {ONE_CLASS}
    assert found["accuracy"].value == 0.5


def test_macro_averages_say_over_how_many_classes() -> None:
    found = classification(np.array([0, 0, 2]), np.array([0, 1, 2]), 9)
    assert found["f1_macro"].note == "macro over 3 classes"


@pytest.mark.parametrize("positive", [1, None])
def test_flawless_predictions_are_not_certain_proof(positive: int | None) -> None:
    true = np.array([0, 1, 1])
    f1 = classification(true, true, 2, positive=positive)["f1_macro" if positive is None else "f1"]
    assert f1.value == 1
    assert f1.stderr is not None
    assert normal.lower_bound(1.0, f1.stderr, 0.95) < 0.25


def test_a_constant_prediction_does_not_make_macro_recall_certain() -> None:
    true = np.repeat([0, 1], [90, 10])
    recall = classification(true, np.zeros_like(true), 2)["recall_macro"]
    assert recall.value == 0.5
    assert recall.stderr == pytest.approx(normal.degenerate_stderr(10))


def test_many_classes_need_no_full_table() -> None:
    classes = 1_000_000
    true = np.array([0, 1, classes - 1, 5, 5])
    pred = np.array([0, 2, classes - 1, 5, 0])
    found = classification(true, pred, classes)
    oracle = precision_recall_fscore_support(true, pred, average="macro", zero_division=0)
    assert [found[name].value for name in MACRO] == pytest.approx(oracle[:3])


def test_counting_by_sorting_agrees_with_counting_by_table() -> None:
    true, pred = sample(500, 5, 2)
    dense, sparse = classification(true, pred, 5), classification(true, pred, 2000)
    assert [dense[name].stderr for name in MACRO] == pytest.approx([sparse[name].stderr for name in MACRO])
    assert [dense[name].value for name in MACRO] == pytest.approx([sparse[name].value for name in MACRO])
