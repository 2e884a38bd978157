"""Latency: order statistics of given and of measured times."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks import latency
from pytest_mlops.checks.base import CheckContext, CheckResult
from pytest_mlops.checks.latency import Latency
from pytest_mlops.errors import IncompleteEvidence, RecordingError
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


def judge(milliseconds: Any, *, workers: int = 0, **options: Any) -> CheckResult:
    times = {"seconds": np.asarray(milliseconds, dtype=float) / 1000}
    check = Latency(**{"of": "holdout", "max_ms": 20.0, **options})
    return check.evaluate(CheckContext(fixtures={"holdout": times}, workers=workers))


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        ([10.0] * 299, Verdict.PASS),
        ([10.0] * 298, Verdict.UNDECIDED),
        ([10.0] * 990 + [30.0] * 10, Verdict.UNDECIDED),
        ([10.0] * 900 + [30.0] * 100, Verdict.FAIL),
        ([30.0], Verdict.FAIL),
    ],
)
def test_bounds_of_the_quantile_decide(times: list[float], verdict: Verdict) -> None:
    assert judge(times).verdict is verdict


def test_ranks_are_those_of_the_binomial() -> None:
    """The 996th of 1,000 times bounds p99 from above, the 985th from below at 95 %."""
    times = np.arange(1.0, 1001.0)
    assert judge(times, max_ms=996.0).verdict is Verdict.PASS
    assert judge(times, max_ms=995.5).verdict is Verdict.UNDECIDED
    assert judge(times, max_ms=985.0).verdict is Verdict.UNDECIDED
    assert judge(times, max_ms=984.5).verdict is Verdict.FAIL


def test_too_few_times_say_how_many_are_needed() -> None:
    assert judge([10.0] * 100).message.endswith("needs n ≈ 299")
    assert judge([10.0] * 50, quantile=0.95).message.endswith("needs n ≈ 59")
    assert "equals the limit" in judge([10.0] * 99 + [30.0]).message


def test_a_level_that_is_not_stored_gets_bounds_of_its_own() -> None:
    assert judge([10.0] * 230, confidence=0.9).verdict is Verdict.PASS
    assert judge([10.0] * 161, confidence=0.8).verdict is Verdict.PASS
    assert judge([10.0] * 160, confidence=0.8).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("times", [[10.0] * 400, [30.0] * 400])
def test_other_workers_beside_it_leave_it_undecided(times: list[float]) -> None:
    found = judge(times, workers=2)
    assert found.verdict is Verdict.UNDECIDED
    assert "with 2 xdist workers" in found.message
    assert judge(times, workers=1).verdict is not Verdict.UNDECIDED


def test_model_is_timed_on_single_rows_after_warming_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, seen = [0.0], []

    def predict(rows: Any) -> Any:
        seen.append(rows.tolist())
        clock[0] += 0.5 if len(seen) <= 3 else 0.015
        return rows[:, 0]

    monkeypatch.setattr(latency, "perf_counter", lambda: clock[0])
    check = Latency(of="holdout", model="model", max_ms=20.0, predictions=300, warm_up=3)
    fixtures = {"holdout": {"X": np.array([[1.0], [2.0]])}, "model": SimpleNamespace(predict=predict)}
    found = check.evaluate(CheckContext(fixtures=fixtures))
    assert found.verdict is Verdict.PASS
    assert len(seen) == 303
    assert seen[:4] == [[[1.0]], [[2.0]], [[1.0]], [[1.0]]]
    assert found.measurements[0][2].value == pytest.approx(15.0)
    assert found.measurements[0][0] == "latency-holdout.p99_ms"


def test_rows_of_lists_and_frames_are_handed_over_as_such() -> None:
    import pandas as pd

    kinds = set()

    def predict(rows: Any) -> Any:
        kinds.add((type(rows).__name__, len(rows)))
        return [0]

    check = Latency(of="holdout", model="model", max_ms=1e4, predictions=2, warm_up=0)
    for inputs in (["a", "b"], pd.DataFrame({"X": [1, 2]})):
        fixtures = {"holdout": inputs, "model": SimpleNamespace(predict=predict)}
        assert check.evaluate(CheckContext(fixtures=fixtures)).verdict is Verdict.UNDECIDED
    assert kinds == {("list", 1), ("DataFrame", 1)}


@pytest.mark.parametrize(
    ("fixtures", "error", "sentence"),
    [
        ({"holdout": {"seconds": []}}, RecordingError, "seconds is empty"),
        ({"holdout": {"seconds": [0.1, np.nan]}}, RecordingError, "NaN"),
        ({"holdout": {"seconds": [-0.1]}}, RecordingError, "seconds is -0.1"),
        ({"holdout": {"X": np.zeros((3, 1))}}, IncompleteEvidence, "has no seconds"),
        ({"holdout": {"X": []}, "model": SimpleNamespace(predict=len)}, IncompleteEvidence, "without rows"),
        ({"holdout": {}, "model": SimpleNamespace(predict=len)}, IncompleteEvidence, "without X"),
        (
            {"holdout": {"X": 3}, "model": SimpleNamespace(predict=len)},
            IncompleteEvidence,
            "the inputs have type int",
        ),
    ],
)
def test_incomplete_without_times(fixtures: dict[str, Any], error: type[Exception], sentence: str) -> None:
    model = "model" if "model" in fixtures else None
    check = Latency(of="holdout", model=model, max_ms=1.0, predictions=3)
    with pytest.raises(error, match=sentence):
        check.evaluate(CheckContext(fixtures=fixtures))


@pytest.mark.parametrize("warm_up", [0, 3])
@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (None, IncompleteEvidence, "predict returned one value for 1 rows"),
        (0.5, IncompleteEvidence, "predict returned one value for 1 rows"),
        ([1, 2], IncompleteEvidence, "predict returned 2 outputs for 1 rows"),
        ([], IncompleteEvidence, "predict returned 0 outputs for 1 rows"),
        ([None], RecordingError, "missing"),
        ([np.nan], RecordingError, "NaN"),
    ],
)
def test_the_time_of_what_is_no_answer_is_no_evidence(
    answer: object, error: type[Exception], sentence: str, warm_up: int
) -> None:
    check = Latency(of="holdout", model="model", max_ms=1e4, predictions=300, warm_up=warm_up)
    fixtures = {"holdout": {"X": np.zeros((3, 1))}, "model": SimpleNamespace(predict=lambda rows: answer)}
    with pytest.raises(error, match=sentence):
        check.evaluate(CheckContext(fixtures=fixtures))


def test_a_model_that_stops_answering_while_it_is_timed_is_noticed() -> None:
    given = iter([[1.0]] * 10)
    check = Latency(of="holdout", model="model", max_ms=1e4, predictions=300, warm_up=5)
    model = SimpleNamespace(predict=lambda rows: next(given, None))
    with pytest.raises(IncompleteEvidence, match="one value for 1 rows"):
        check.evaluate(CheckContext(fixtures={"holdout": {"X": np.zeros((3, 1))}, "model": model}))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: latency, of: h", "checks[0].max_ms: is missing"),
        ("check: latency, of: h, max_ms: 0", "above 0"),
        ("check: latency, of: h, max_ms: 1, quantile: 1.0", "below 1"),
        ("check: latency, of: h, max_ms: 1, predictions: 0", "at least 1"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)
