"""Determinism: equal answers to equal inputs, to the last bit."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext
from pytest_mlops.checks.determinism import Determinism
from pytest_mlops.errors import IncompleteEvidence, RecordingError
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


def determinism(predict: Callable[[Any], Any], **options: Any) -> Any:
    fixtures = {"holdout": {"X": np.arange(10.0)}, "model": SimpleNamespace(predict=predict)}
    return Determinism(of="holdout", model="model", **options).evaluate(CheckContext(fixtures=fixtures))


def test_equal_outputs_pass() -> None:
    found = determinism(lambda rows: rows * 2)
    assert (found.verdict, found.message) == (Verdict.PASS, "0 of 10 outputs changed over 2 calls")
    assert found.measurements[0][2].value == 0


def test_one_bit_of_one_answer_fails() -> None:
    calls = itertools.count()

    def predict(rows: Any) -> Any:
        answer = rows + 1.0
        answer[3] += next(calls) * 1e-15
        return answer

    found = determinism(predict)
    assert found.verdict is Verdict.FAIL
    assert "1 of 10 outputs changed over 2 calls, the first in row 3: 4, then 4" in found.message


def test_a_change_in_any_call_counts_and_labels_are_compared_as_well() -> None:
    calls = itertools.count(1)

    def predict(rows: Any) -> Any:
        return ["b" if next(calls) == 15 else "a" for _ in rows]

    found = determinism(predict, calls=3)
    assert found.verdict is Verdict.FAIL
    assert "the first in row 4: 'a', then 'b'" in found.message


def test_probabilities_are_compared_whole() -> None:
    table = itertools.cycle([0.25, 0.5])
    model = SimpleNamespace(predict=len, predict_proba=lambda rows: np.full((len(rows), 9), next(table)))
    check = Determinism(of="holdout", model="model", output="predict_proba")
    found = check.evaluate(CheckContext(fixtures={"holdout": np.arange(4.0), "model": model}))
    assert "4 of 4 outputs changed" in found.message
    assert "…" in found.message


@pytest.mark.parametrize(
    ("predict", "error", "sentence"),
    [
        (lambda rows: rows * np.nan, RecordingError, "NaN"),
        (lambda rows: rows[1:], IncompleteEvidence, "9 outputs for 10 rows"),
    ],
)
def test_determinism_is_incomplete_without_outputs(
    predict: Callable[[Any], Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        determinism(predict)


def test_outputs_of_another_kind_are_incomplete() -> None:
    kinds = itertools.cycle([float, int])
    with pytest.raises(IncompleteEvidence, match=r"returned float64 .* and then int64"):
        determinism(lambda rows: rows.astype(next(kinds)))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: determinism, of: h", "checks[0].model: is missing"),
        ("check: determinism, of: h, model: m, calls: 1", "at least 2"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)
