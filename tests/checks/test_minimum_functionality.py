"""Minimum functionality: the failure rate of cases with expected answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext, CheckResult
from pytest_mlops.checks.minimum_functionality import MinimumFunctionality
from pytest_mlops.errors import IncompleteEvidence, RecordingError
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


FIRST = SimpleNamespace(predict=lambda rows: np.asarray(rows)[:, 0])
"""Answers the first column, and ignores the second."""
SIGN = SimpleNamespace(predict=lambda rows: np.where(np.asarray(rows)[:, 0] > 0, "up", "down"))


def rows(n: int) -> NDArray[np.float64]:
    return np.array([[place - n / 2 + 0.25, 0.0] for place in range(n)])


def cases(right: int, n: int = 100) -> dict[str, Any]:
    expected = np.where(np.arange(n) < right, rows(n)[:, 0], 1e6)
    return {"X": rows(n), "expected": expected}


def judge_cases(value: object, model: object = FIRST, **options: Any) -> CheckResult:
    check = MinimumFunctionality(of="cases", model="model", **options)
    return check.evaluate(CheckContext(fixtures={"cases": value, "model": model}))


@pytest.mark.parametrize(
    ("right", "verdict"), [(100, Verdict.PASS), (98, Verdict.UNDECIDED), (80, Verdict.FAIL)]
)
def test_minimum_functionality_by_the_bound_of_the_failure_rate(right: int, verdict: Verdict) -> None:
    assert judge_cases(cases(right)).verdict is verdict


def test_bound_without_failures_is_the_closed_form() -> None:
    """0 failures of 59 bound the rate by 1 - 0.05^(1/59) = 0.0495, of 58 by 0.0503."""
    assert judge_cases(cases(59, 59)).verdict is Verdict.PASS
    few = judge_cases(cases(58, 58))
    assert few.verdict is Verdict.UNDECIDED
    assert few.message.endswith("needs n ≈ 59")


def test_minimum_functionality_of_labels_and_within_tolerance() -> None:
    labels = {"X": rows(100), "y": np.where(rows(100)[:, 0] > 0, "up", "down")}
    assert judge_cases(labels, SIGN).verdict is Verdict.PASS
    wrong = judge_cases({**labels, "y": ["up"] * 100}, SIGN)
    assert "'down' instead of 'up'" in wrong.message
    near = {"X": rows(100), "y_true": rows(100)[:, 0] + 0.1}
    assert judge_cases(near, tolerance=0.2).verdict is Verdict.PASS
    assert judge_cases(near).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("value", "error", "sentence"),
    [
        ({"X": rows(2)}, IncompleteEvidence, "without expected or y_true or y"),
        ({"X": rows(2), "y": ["up", "down"]}, IncompleteEvidence, "expected the same kind"),
        ({"X": rows(3), "y": [0.5, 0.5]}, IncompleteEvidence, "one per row"),
        ({"X": rows(2), "y": [0.5, np.nan]}, RecordingError, "NaN"),
        ({"X": [], "y": []}, RecordingError, "empty"),
    ],
)
def test_minimum_functionality_is_incomplete_without_expected_outputs(
    value: object, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        judge_cases(value)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: minimum_functionality, of: a", "checks[0].model: is missing"),
        ("check: minimum_functionality, of: a, model: m, max_failure_rate: 1.0", "below 1"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)
