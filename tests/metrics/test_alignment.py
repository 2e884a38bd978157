"""Arguments with different indexes are not paired by position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pytest_mlops.checks.base import CheckContext
from pytest_mlops.checks.metric_floor import MetricFloor
from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.predictions import measure_predictions
from pytest_mlops.metrics.scores import measure_sliced_scores
from pytest_mlops.metrics.slicing import slices_by
from pytest_mlops.testing import FakeRecorder

N = 40
SHUFFLED = np.random.default_rng(0).permutation(N)
TRUE = pd.Series(np.arange(N) % 2, index=SHUFFLED)
OTHERS = {
    "the same labels in another order": pd.Index(np.arange(N)),
    "positions": pd.RangeIndex(N),
    "other labels": pd.Index(np.arange(N) + 1000),
    "text": pd.Index([f"r{row}" for row in range(N)]),
}


def column(values: Any, index: pd.Index) -> pd.Series:
    return pd.Series(values, index=index)


@pytest.mark.parametrize("index", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("y_pred", np.arange(N) % 2),
        ("y_score", np.linspace(0, 1, N)),
        ("ids", np.arange(N)),
        ("slices", np.array(["a", "b"] * (N // 2))),
        ("inputs", np.arange(N)),
        ("baseline", np.arange(N) % 2),
    ],
)
def test_an_argument_with_another_index_than_y_true_is_refused(
    argument: str, values: Any, index: pd.Index
) -> None:
    data = {"y_pred": TRUE, argument: column(values, index)}
    with pytest.raises(RecordingError, match=f"{argument} has another index than y_true"):
        FakeRecorder().predictions(TRUE, **data)


def test_a_mask_in_the_order_of_the_original_frame_is_refused() -> None:
    young = column(np.arange(N) < 9, TRUE.index).sort_index()
    message = r"slices\['young'\] has another index than y_true .*reset_index\(drop=True\)"
    with pytest.raises(RecordingError, match=message):
        measure_predictions(TRUE, TRUE, slices={"young": young})
    with pytest.raises(RecordingError, match="slices has another index"):
        measure_predictions(TRUE, TRUE, slices=pd.DataFrame({"young": young}))


def test_slices_made_from_a_frame_keep_its_index() -> None:
    frame = pd.DataFrame({"age": np.arange(N)}, index=SHUFFLED)
    measure_predictions(TRUE, TRUE, slices=slices_by(frame, bins={"age": [9]}))
    with pytest.raises(RecordingError, match="slices has another index than y_true"):
        measure_predictions(TRUE, TRUE, slices=slices_by(frame.sort_index(), bins={"age": [9]}))


def test_the_same_index_and_values_without_one_are_measured() -> None:
    masks = pd.DataFrame({"even": TRUE == 0})
    found = measure_predictions(TRUE, TRUE.to_numpy(), y_score=TRUE * 0.5, ids=list(range(N)), slices=masks)
    assert found.slice_sizes == {"all": N, "even": N // 2}
    assert measure_predictions(TRUE.tolist(), TRUE.reset_index(drop=True), ids=pd.RangeIndex(N)).n == N


@pytest.mark.parametrize("argument", ["ids", "slices", "baseline", "inputs"])
def test_scores_are_paired_by_the_same_index(argument: str) -> None:
    values = column(np.linspace(0, 1, N), pd.Index(SHUFFLED))
    other = column([f"r{row}" for row in range(N)], pd.RangeIndex(N))
    if argument == "baseline":
        other = column(np.linspace(0, 1, N), pd.RangeIndex(N))
    with pytest.raises(RecordingError, match=f"{argument} has another index than values"):
        FakeRecorder().score("marks", values, **{argument: other})
    assert measure_sliced_scores(values, ids=values.index).numbers["all"].n == N


def test_a_check_refuses_inputs_in_another_order_than_the_true_labels() -> None:
    frame = pd.DataFrame({"x": np.arange(N)}, index=SHUFFLED).sort_index()
    data = {"X": frame, "y_true": TRUE, "y_pred": TRUE.to_numpy()}
    context = CheckContext(fixtures={"holdout": data}, seed=0)
    with pytest.raises(RecordingError, match="X has another index than y_true"):
        MetricFloor(of="holdout", metric="accuracy", min=0.5).evaluate(context)
