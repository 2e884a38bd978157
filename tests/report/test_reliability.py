"""Reliability curves: which probability of which event, and what cannot be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.evidence.arrays import save_arrays
from pytest_mlops.records.measurement import ArrayRef, Measurement, Origin
from pytest_mlops.report import reliability
from pytest_mlops.report.reliability import reliability_curves

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from tests.report.conftest import MakeRecord

    Scored = Callable[..., IntegrationResult]

TEST = "test_model.py::test_one"


@pytest.fixture
def scored(make_record: MakeRecord, tmp_path: Path) -> Scored:
    """Return a builder of records with one set of arrays, or several equal ones."""

    def build(note: str | None = None, times: int = 1, **columns: Any) -> IntegrationResult:
        digest, size = save_arrays(columns, tmp_path)
        ref = ArrayRef(digest=digest, size=size, n=4, fields=tuple(columns), data="0" * 64, test=TEST)
        noted = Measurement(name="recall", value=0.5, note=note, origin=Origin.PREDICTIONS, test=TEST)
        return make_record(arrays=(ref,) * times, measurements=(noted,))

    return build


def test_a_calibrated_model_lies_on_the_diagonal(scored: Scored, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    score = rng.random(20_000)
    true = (rng.random(20_000) < score).astype(int)
    ((curve,), notes) = reliability_curves(scored(y_true=true, y_pred=true, y_score=score), tmp_path)
    assert notes == []
    assert sum(one.n for one in curve.bins) == curve.n == 20_000
    assert all(one.lower <= one.observed <= one.upper for one in curve.bins)
    assert all(abs(one.observed - one.probability) < 0.04 for one in curve.bins)
    assert curve.ece < 2 * curve.chance


def test_a_model_that_is_too_sure_is_far_from_the_diagonal(scored: Scored, tmp_path: Path) -> None:
    true = np.tile([0, 1], 500)
    ((curve,), _) = reliability_curves(scored(y_true=true, y_pred=true, y_score=np.full(1000, 0.9)), tmp_path)
    assert curve.ece == pytest.approx(0.4)
    assert curve.chance < 0.05


def test_the_positive_label_is_the_one_the_metrics_were_computed_for(scored: Scored, tmp_path: Path) -> None:
    true = np.array(["bad", "good"] * 20)
    score = np.array([0.9, 0.1] * 20)
    record = scored("binary, positive='bad'", y_true=true, y_pred=true, y_score=score)
    ((curve,), _) = reliability_curves(record, tmp_path)
    assert curve.event == "label 'bad'"
    assert [one.observed for one in curve.bins] == [0.0, 1.0]


def test_columns_of_two_labels_and_of_several(scored: Scored, tmp_path: Path) -> None:
    true = np.array([0, 1] * 10)
    two = np.column_stack([1 - true * 0.8, true * 0.8])
    ((curve,), _) = reliability_curves(scored(y_true=true, y_pred=true, y_score=two), tmp_path)
    assert (curve.event, curve.bins[-1].probability) == ("label 1", 0.8)
    labels = np.array(["a", "b", "c", "c"])
    three = np.array([[0.6, 0.2, 0.2]] * 4)
    ((curve,), _) = reliability_curves(scored(y_true=labels, y_pred=labels, y_score=three), tmp_path)
    assert (curve.event, curve.bins[0].observed) == ("the most probable class", 0.25)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"y_true": [0, 1], "y_score": [0.1, 0.9]}, "its arrays lack y_pred"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "y_score": [0.1]}, "its arrays have different lengths"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "y_score": [0.1, 1.9]}, "probability is empty or out of range"),
        ({"y_true": ["a", "b"], "y_pred": ["a", "b"], "y_score": [0.1, 0.9]}, "does not name the label"),
        ({"y_true": ["a", "b"], "y_pred": [0, 1], "y_score": [0.1, 0.9]}, "expected labels of the same kind"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "y_score": ["x", "y"]}, "could not convert"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    scored: Scored, tmp_path: Path, columns: dict[str, list[Any]], why: str
) -> None:
    record = scored(**{name: np.array(values) for name, values in columns.items()})
    curves, (note,) = reliability_curves(record, tmp_path)
    assert curves == []
    assert why in note


def test_changed_and_enormous_arrays_are_not_used(
    scored: Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = scored(y_true=np.array([0, 1]), y_pred=np.array([0, 1]), y_score=np.array([0.1, 0.9]))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + b" ")
    assert "it was changed" in reliability_curves(record, tmp_path)[1][0]
    monkeypatch.setattr(reliability, "LARGEST", 10)
    assert "expected at most 10" in reliability_curves(record, tmp_path)[1][0]


def test_without_a_folder_or_probabilities_there_is_nothing_to_say(scored: Scored, tmp_path: Path) -> None:
    record = scored(y_true=np.array([0, 1]), y_pred=np.array([0, 1]))
    assert reliability_curves(record, tmp_path) == ([], [])
    assert reliability_curves(record, None) == ([], [])


def test_curves_beyond_the_limit_are_counted(scored: Scored, tmp_path: Path) -> None:
    columns = {"y_true": np.array([0, 1]), "y_pred": np.array([0, 1]), "y_score": np.array([0.1, 0.9])}
    curves, notes = reliability_curves(scored(times=3, **columns), tmp_path, most=2)
    assert len(curves) == 2
    assert notes == ["1 more data sets with probabilities are in the record"]
