"""The model test; the plugin loads the model and measures cost and recall per class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wines import CentroidModel, Wines

    from pytest_mlops import Recorder


@pytest.mark.model_test(covers=["kind:all"])
def test_predictions_on_the_holdout(mlops: Recorder, mlops_model: CentroidModel, holdout: Wines) -> None:
    mlops.predictions(y_true=holdout.y, y_pred=mlops_model.predict(holdout.X), ids=holdout.ids)
