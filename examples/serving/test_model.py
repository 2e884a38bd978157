"""Model tests of a version, before it is deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tumours import MALIGNANT, Tumours

if TYPE_CHECKING:
    from linear import LinearModel

    from pytest_mlops import Recorder


@pytest.mark.model_test(covers=["diagnosis:all", "diagnosis:small tumour"])
def test_predictions_on_the_holdout(mlops: Recorder, model: LinearModel, holdout: Tumours) -> None:
    risk = model.risk(holdout.X)
    mlops.predictions(
        y_true=holdout.y,
        y_pred=(risk >= 0.5).astype(int),
        y_score=risk,
        ids=holdout.ids,
        slices={"small tumour": holdout.small},
        positive=MALIGNANT,
    )


@pytest.mark.model_test(covers=["diagnosis:all"])
def test_golden_predictions_are_those_of_this_model(mlops: Recorder, model: LinearModel) -> None:
    text = (Path(__file__).parent / "golden.json").read_text(encoding="utf-8")
    cases = json.loads(text)
    known = np.array([case["response"]["risk"] for case in cases])
    given = model.risk([case["request"]["features"] for case in cases])
    difference = float(np.abs(known - given).max())
    mlops.metric("largest_golden_difference", difference, n=len(cases))
    assert difference <= 1e-9
