"""Model tests for the gate, and one ordinary test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from data import BENIGN, MALIGNANT, Tumours
from model import LinearModel

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops import Recorder


@pytest.mark.model_test(covers=["diagnosis:all", "diagnosis:small tumour", "diagnosis:large tumour"])
def test_predictions_on_the_holdout(mlops: Recorder, model: LinearModel, holdout: Tumours) -> None:
    mlops.predictions(
        y_true=holdout.y,
        y_pred=model.predict(holdout.X),
        y_score=model.predict_proba(holdout.X),
        ids=holdout.ids,
        slices=holdout.slices,
        positive=MALIGNANT,
    )


@pytest.mark.model_test(covers=["diagnosis:all"])
@pytest.mark.parametrize(
    ("diagnosis", "lowest", "highest"),
    [(BENIGN, 0.0, 0.1), (MALIGNANT, 0.9, 1.0)],
    ids=["benign", "malignant"],
)
def test_typical_case_leaves_no_doubt(
    mlops: Recorder, model: LinearModel, holdout: Tumours, diagnosis: int, lowest: float, highest: float
) -> None:
    cases = holdout.X[holdout.y == diagnosis]
    risk = float(model.predict_proba(np.median(cases, axis=0, keepdims=True))[0])
    mlops.metric(f"risk_of_typical_case_{diagnosis}", risk, n=len(cases))
    assert lowest <= risk <= highest


@pytest.mark.model_test(covers=["calibration:all"])
def test_stated_risk_is_the_risk_that_is_found(mlops: Recorder, model: LinearModel, holdout: Tumours) -> None:
    risk = model.predict_proba(holdout.X)
    error = abs(float(risk.mean() - holdout.y.mean()))
    mlops.metric("calibration_error", error, n=len(risk))
    assert error <= 0.06
    brier = float(np.mean((risk - holdout.y) ** 2))
    without_a_model = float(holdout.y.mean() * (1 - holdout.y.mean()))
    assert brier <= without_a_model / 4


@pytest.mark.model_test(covers=["robustness:small tumour", "robustness:large tumour"])
def test_diagnosis_survives_errors_of_measurement(
    mlops: Recorder, model: LinearModel, holdout: Tumours
) -> None:
    """Errors of 2 % of each feature's spread change the diagnosis of at most one tumour in twenty."""
    random = np.random.default_rng(20)
    errors = random.normal(scale=0.02 * holdout.X.std(axis=0), size=(20, *holdout.X.shape))
    before = model.predict(holdout.X)
    unchanged = np.mean([model.predict(holdout.X + error) == before for error in errors], axis=0)
    for name, inside in holdout.slices.items():
        mlops.score("unchanged_diagnoses", unchanged[inside], slice=name)
    assert unchanged.mean() >= 0.95


@pytest.mark.model_test(covers=["robustness:all"])
def test_diagnosis_does_not_depend_on_the_rest_of_the_batch(
    mlops: Recorder, model: LinearModel, holdout: Tumours
) -> None:
    together = model.predict_proba(holdout.X)
    alone = np.array([model.predict_proba(row[np.newaxis])[0] for row in holdout.X])
    difference = float(np.abs(together - alone).max())
    mlops.metric("largest_difference_in_a_batch", difference, n=len(alone))
    assert difference <= 1e-12


@pytest.mark.model_test(covers=["latency:all"])
def test_single_predictions_are_fast(mlops: Recorder, model: LinearModel, holdout: Tumours) -> None:
    times = []
    for row in holdout.X:
        start = time.perf_counter()
        model.predict(row[np.newaxis])
        times.append(time.perf_counter() - start)
    mlops.latencies(times)


def test_saved_model_is_loaded_unchanged(model: LinearModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model.json")
    assert LinearModel.load(tmp_path / "model.json") == model
