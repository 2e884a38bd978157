"""Metrics of class counts, against scikit-learn and against those of single runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

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
    suffix = "_macro" if positive is None else ""
    for name in ("precision", "recall", "f1"):
        found = float(getattr(confusion, name)(counts, positive=positive))
        value = expected[name + suffix].value
        assert np.isnan(found) if value is None else found == pytest.approx(value)


@pytest.mark.parametrize(
    "metric",
    [
        confusion.accuracy,
        confusion.f1,
        partial(confusion.f1, positive=1),
        confusion.precision,
        partial(confusion.recall, positive=0),
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
