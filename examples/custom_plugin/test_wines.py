"""What the model owes; its loading, its cost and its recall per class are the plugin's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wines import CentroidModel, Wines

    from pytest_mlops import Recorder


@pytest.mark.model_test(covers=["kind:all"])
def test_predictions_on_the_holdout(mlops: Recorder, mlops_model: CentroidModel, holdout: Wines) -> None:
    mlops.predictions(y_true=holdout.y, y_pred=mlops_model.predict(holdout.X), ids=holdout.ids)
