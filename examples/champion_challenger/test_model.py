"""Candidate and champion on the same digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops import slices_by

if TYPE_CHECKING:
    from digit_model import DigitModel
    from digits import Digits

    from pytest_mlops import Recorder


@pytest.mark.model_test(covers=["reading:all"])
def test_predictions_on_the_holdout(
    mlops: Recorder, model: DigitModel, baseline: DigitModel, holdout: Digits
) -> None:
    mlops.predictions(
        y_true=holdout.y,
        y_pred=model.predict(holdout.X),
        baseline=baseline.predict(holdout.X),
        ids=holdout.ids,
        slices=slices_by({"digit": holdout.y}, values=["digit"]),
    )
