"""Metric floor: by the value, by the bound, and where the metric is not there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext
from pytest_mlops.checks.metric_floor import MetricFloor
from pytest_mlops.errors import IncompleteEvidence, RecordingError
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Gate


def holdout(right: int, n: int = 100, **more: Any) -> SimpleNamespace:
    true = np.arange(n) % 2
    return SimpleNamespace(y_true=true, y_pred=np.where(np.arange(n) < right, true, 1 - true), **more)


def given(data: object, **fixtures: object) -> CheckContext:
    return CheckContext(fixtures={"holdout": data, **fixtures})


def floor(**options: Any) -> MetricFloor:
    return MetricFloor(**{"of": "holdout", "metric": "accuracy", **options})


@pytest.mark.parametrize(
    ("right", "options", "verdict"),
    [
        (90, {"min": 0.9}, Verdict.PASS),
        (89, {"min": 0.9}, Verdict.FAIL),
        (96, {"min": 0.9, "confidence": 0.95}, Verdict.PASS),
        (94, {"min": 0.9, "confidence": 0.95}, Verdict.UNDECIDED),
        (80, {"min": 0.9, "confidence": 0.95}, Verdict.FAIL),
        (20, {"max": 0.3, "confidence": 0.95}, Verdict.PASS),
        (40, {"min": 0.1, "max": 0.3}, Verdict.FAIL),
    ],
)
def test_value_decides_and_with_confidence_its_bound(
    right: int, options: dict[str, Any], verdict: Verdict
) -> None:
    found = floor(**options).evaluate(given(holdout(right)))
    assert found.verdict is verdict
    assert f"is {right / 100:g} (n = 100" in found.message
    ((name, slice_, estimate),) = found.measurements
    assert (name, slice_, estimate.value) == ("metric_floor-holdout.accuracy", "all", right / 100)


def test_undecided_says_how_many_examples_would_decide() -> None:
    assert "needs n ≈" in floor(min=0.9, confidence=0.95).evaluate(given(holdout(94))).message
    at_the_limit = floor(min=0.94, confidence=0.95).evaluate(given(holdout(94)))
    assert at_the_limit.message.endswith("so only another limit or another model would decide")


def test_model_predicts_where_no_predictions_are_given() -> None:
    data = {"X": np.arange(10), "y": np.arange(10) % 2}
    model = SimpleNamespace(predict=lambda rows: rows % 2)
    found = floor(model="model", min=1.0).evaluate(given(data, model=model))
    assert found.verdict is Verdict.PASS


def test_slice_is_measured_and_recorded_as_one() -> None:
    data = holdout(50, slices={"late": np.arange(100) >= 50})
    found = floor(min=0.5, slice="late").evaluate(given(data))
    assert (found.verdict, found.measurements[0][1]) == (Verdict.FAIL, "late")


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (holdout(50), {"metric": "mae"}, "mae was not measured on the slice all; expected one of accuracy"),
        (holdout(50), {"slice": "young"}, "there is no such slice"),
        (SimpleNamespace(y_true=[0, 1]), {}, "has no y_pred"),
        (SimpleNamespace(y_pred=[0, 1]), {}, "without y_true or y"),
        (
            SimpleNamespace(y_true=[1, 1], y_pred=[1, 1], y_score=[0.9, 0.8]),
            {"metric": "roc_auc", "positive": 1},
            "roc_auc on all is undefined",
        ),
        (
            SimpleNamespace(y_true=[0.5], y_pred=[0.7]),
            {"metric": "mae", "confidence": 0.95},
            "has no confidence interval at 0.95",
        ),
    ],
)
def test_incomplete_where_the_metric_is_not_there(data: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IncompleteEvidence, match=sentence):
        floor(min=0.5, **options).evaluate(given(data))


@pytest.mark.parametrize("pred", [[0.0, np.nan], []])
def test_missing_or_no_predictions_are_no_evidence(pred: list[float]) -> None:
    data = SimpleNamespace(y_true=[0.0, 1.0][: len(pred)], y_pred=pred)
    with pytest.raises(RecordingError):
        floor(min=0.0).evaluate(given(data))


def test_a_model_without_predict_is_no_model() -> None:
    data = SimpleNamespace(X=[1], y=[1])
    with pytest.raises(IncompleteEvidence, match="without a predict method"):
        floor(model="model", min=0.0).evaluate(given(data, model=object()))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: metric_floor, of: holdout, metric: recall", "checks[0]: neither min nor max is set"),
        ("check: metric_floor, of: holdout, metric: recall, min: .nan", "checks[0].min"),
        ("check: metric_floor, of: holdout, metric: recall, min: 0, confidence: 0.4", "above 0.5"),
        ("check: metric_floor, of: hold-out, metric: recall, min: 0", "checks[0].of"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)


CONFTEST = """
import numpy as np, pytest
from types import SimpleNamespace

@pytest.fixture
def holdout():
    true = np.arange(400) % 2
    pred = np.where(np.arange(400) < {right}, true, 1 - true)
    return SimpleNamespace(y_true=true, y_pred=pred)
"""
CONFIG = """
requirements: [{capability: quality}]
checks:
  - {check: metric_floor, of: holdout, metric: accuracy, min: 0.9, confidence: 0.95, covers: ["quality:all"]}
"""


@pytest.mark.parametrize(
    ("right", "verdict", "code"), [(390, "pass", 0), (364, "undecided", 0), (300, "fail", 1)]
)
def test_under_the_gate_it_is_a_model_test_like_others(
    gate: Gate, right: int, verdict: str, code: int
) -> None:
    gate.write("conftest.py", CONFTEST.replace("{right}", str(right)))
    gate.write("mlops.yaml", CONFIG)
    assert gate.run().ret == code
    assert gate.record().verdict == verdict


def test_under_the_gate_a_missing_fixture_is_incomplete(gate: Gate) -> None:
    gate.write("mlops.yaml", CONFIG)
    result = gate.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*there is no fixture 'holdout' visible from mlops.yaml*"])
    assert gate.record().verdict == "incomplete"
