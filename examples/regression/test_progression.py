"""Model tests besides the checks in ``mlops.yaml``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from patients import Patients
    from progression import ProgressionModel

    from pytest_mlops import Recorder

SLICES = ["under 50", "50 and over", "sex 1", "sex 2"]


@pytest.mark.model_test(covers=["progression:all", *(f"progression:{name}" for name in SLICES)])
def test_predictions_on_the_holdout(mlops: Recorder, model: ProgressionModel, holdout: Patients) -> None:
    mlops.predictions(
        y_true=holdout.y, y_pred=model.predict(holdout.X), ids=holdout.ids, slices=holdout.slices
    )


@pytest.mark.model_test(covers=["progression:all"])
def test_knowing_the_patient_beats_predicting_the_mean(
    mlops: Recorder, model: ProgressionModel, holdout: Patients
) -> None:
    errors = np.abs(model.predict(holdout.X) - holdout.y)
    without_a_model = np.abs(holdout.y.mean() - holdout.y)
    gain = 1 - float(errors.mean() / without_a_model.mean())
    mlops.metric("gain_over_the_mean", gain, n=len(errors))
    assert gain >= 0.2


@pytest.mark.model_test(covers=["direction:all"])
@pytest.mark.parametrize("feature", ["bmi", "bp"])
def test_more_weight_or_blood_pressure_never_lowers_the_prediction(
    mlops: Recorder, model: ProgressionModel, holdout: Patients, feature: str
) -> None:
    column = holdout.features.index(feature)
    raised = holdout.X.copy()
    raised[:, column] += holdout.X[:, column].std()
    follows = model.predict(raised) > model.predict(holdout.X)
    mlops.score(f"follows_{feature}", follows.astype(float))
    assert follows.all()


def test_a_missing_value_is_refused(model: ProgressionModel, holdout: Patients) -> None:
    row = holdout.X[:1].copy()
    row[0, 0] = np.nan
    with pytest.raises(ValueError, match="missing"):
        model.predict(row)
