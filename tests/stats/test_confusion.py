"""Metrics of class counts, against scikit-learn and against those of single runs."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix, matthews_corrcoef, recall_score

from pytest_mlops.stats import confusion
from pytest_mlops.stats.classification import classification
from pytest_mlops.stats.confusion import ClassCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray


def count(true: NDArray[np.intp], pred: NDArray[np.intp], classes: int) -> ClassCounts:
    table = confusion_matrix(true, pred, labels=range(classes)).astype(float)
    return ClassCounts(hit=table.diagonal(), true=table.sum(axis=1), pred=table.sum(axis=0))


def sample(n: int, classes: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, n)
    return true, np.where(rng.random(n) < 0.6, true, rng.integers(0, classes, n))


@given(st.integers(2, 5), st.integers(1, 60), st.integers(0, 10_000), st.sampled_from([None, 0, 1]))
@settings(max_examples=100, deadline=None)
def test_metrics_are_those_of_a_single_measurement(
    classes: int, n: int, seed: int, positive: int | None
) -> None:
    true, pred = sample(n, classes, seed)
    counts = count(true, pred, classes)
    expected = classification(true, pred, classes, positive=positive)
    assert float(confusion.accuracy(counts)) == pytest.approx(expected["accuracy"].value)
    for name in ("precision", "recall", "f1"):
        found, value = float(getattr(confusion, name)(counts, positive=positive)), expected[name].value
        assert np.isnan(found) if value is None else found == pytest.approx(value)


@given(st.integers(2, 5), st.integers(2, 60), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_correlation_and_agreement_are_those_of_scikit_learn(classes: int, n: int, seed: int) -> None:
    true, pred = sample(n, classes, seed)
    counts = count(true, pred, classes)
    mcc, kappa = float(confusion.mcc(counts)), float(confusion.kappa(counts))
    if np.unique(true).size > 1 and np.unique(pred).size > 1:
        assert mcc == pytest.approx(matthews_corrcoef(true, pred), abs=1e-9)
    else:
        assert np.isnan(mcc)
    if np.unique(np.concatenate([true, pred])).size > 1:
        assert kappa == pytest.approx(cohen_kappa_score(true, pred), abs=1e-9)
    else:
        assert np.isnan(kappa)


@given(st.integers(4, 60), st.integers(0, 10_000), st.sampled_from([0, 1]))
@settings(max_examples=60, deadline=None)
def test_specificity_is_the_recall_of_the_rest(n: int, seed: int, positive: int) -> None:
    true, pred = sample(n, 3, seed)
    found = float(confusion.specificity(count(true, pred, 3), positive=positive))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = recall_score(true != positive, pred != positive, zero_division=np.nan)
    assert found == pytest.approx(oracle, nan_ok=True)


def test_macro_specificity_is_the_mean_over_classes() -> None:
    true, pred = sample(50, 3, 1)
    counts = count(true, pred, 3)
    each = [float(confusion.specificity(counts, positive=code)) for code in range(3)]
    assert float(confusion.specificity(counts)) == pytest.approx(np.mean(each))


@pytest.mark.parametrize(
    "metric",
    [
        confusion.accuracy,
        confusion.f1,
        partial(confusion.f1, positive=1),
        partial(confusion.specificity, positive=0),
        confusion.mcc,
        confusion.kappa,
    ],
)
def test_many_tables_at_once_give_what_each_gives(metric: confusion.Metric) -> None:
    tables = [count(*sample(30, 3, seed), 3) for seed in range(4)]
    stacked = ClassCounts(
        hit=np.stack([table.hit for table in tables]),
        true=np.stack([table.true for table in tables]),
        pred=np.stack([table.pred for table in tables]),
    )
    assert metric(stacked) == pytest.approx([float(metric(table)) for table in tables])


def test_no_examples_leave_every_metric_undefined() -> None:
    nothing = ClassCounts(hit=np.zeros(2), true=np.zeros(2), pred=np.zeros(2))
    for name in confusion.__all__[2:]:
        assert np.isnan(getattr(confusion, name)(nothing)), name
