"""Invariance: the failure rate where answers should stay the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext, CheckResult
from pytest_mlops.checks.invariance import Invariance
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


def shifted(n: int, fails: int, by: float = 1.0) -> NDArray[np.float64]:
    """Return rows with the second column changed, and in ``fails`` of them the first by ``by`` too."""
    changed: NDArray[np.float64] = rows(n) + np.array([0.0, 1.0])
    changed[:fails, 0] += by
    return changed


def judge(check: Any, perturbed: object, model: object = FIRST, n: int = 100) -> CheckResult:
    fixtures = {"of": {"X": rows(n)}, "perturbed": perturbed, "model": model}
    found: CheckResult = check.evaluate(CheckContext(fixtures=fixtures))
    return found


FIXTURES: dict[str, Any] = {"of": "of", "perturbed": "perturbed", "model": "model"}


@pytest.mark.parametrize(
    ("fails", "verdict"), [(0, Verdict.PASS), (1, Verdict.PASS), (2, Verdict.UNDECIDED), (15, Verdict.FAIL)]
)
def test_invariance_by_the_bound_of_the_failure_rate(fails: int, verdict: Verdict) -> None:
    """One failure of 100 bounds the rate by 0.0466, two by 0.0616."""
    found = judge(Invariance(**FIXTURES), shifted(100, fails))
    assert found.verdict is verdict
    assert found.measurements[0][0] == "invariance-of.failure_rate"
    assert found.measurements[0][2].successes == fails


def test_invariance_shows_a_case_that_failed() -> None:
    message = judge(Invariance(**FIXTURES), shifted(100, 2)).message
    assert message.endswith("2 failed, the first in row 0: -49.75 became -48.75")
    assert "needs n ≈" in message


@pytest.mark.parametrize(("tolerance", "verdict"), [(0.5, Verdict.PASS), (0.49, Verdict.FAIL)])
def test_changes_within_tolerance_are_none(tolerance: float, verdict: Verdict) -> None:
    check = Invariance(**FIXTURES, tolerance=tolerance)
    assert judge(check, shifted(100, 100, by=0.5)).verdict is verdict


def test_labels_must_stay_the_same() -> None:
    assert judge(Invariance(**FIXTURES), shifted(100, 0), SIGN).verdict is Verdict.PASS
    flipped = judge(Invariance(**FIXTURES), shifted(100, 40, by=100.0), SIGN)
    assert flipped.verdict is Verdict.FAIL
    assert "'down' became 'up'" in flipped.message


def test_probabilities_are_compared_in_every_class() -> None:
    def predict_proba(given: Any) -> Any:
        moved = np.where(given[:, 1] > 0, 0.1, 0.0)
        return np.stack([0.5 - moved, 0.2 + 0 * moved, 0.3 + moved], axis=1)

    model = SimpleNamespace(predict=len, predict_proba=predict_proba)
    options = {**FIXTURES, "output": "predict_proba"}
    assert judge(Invariance(**options, tolerance=0.11), shifted(100, 0), model).verdict is Verdict.PASS
    assert judge(Invariance(**options, tolerance=0.09), shifted(100, 0), model).verdict is Verdict.FAIL


def test_versions_of_one_row_are_one_case() -> None:
    """100 versions of 10 rows are no more evidence than 10."""
    versions = {"X": shifted(10, 0)[np.repeat(np.arange(10), 10)], "rows": np.repeat(np.arange(10), 10)}
    found = judge(Invariance(**FIXTURES), versions, n=10)
    assert found.verdict is Verdict.UNDECIDED
    assert found.measurements[0][2].n == 10


def test_without_confidence_the_cases_are_all_there_are() -> None:
    check = Invariance(**FIXTURES, max_failure_rate=0.0, confidence=None)
    assert judge(check, shifted(3, 0), n=3).verdict is Verdict.PASS
    assert judge(check, shifted(3, 1), n=3).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("perturbed", "sentence"),
    [
        (rows(100), "has the same rows as 'of'"),
        (shifted(99, 0), "has 99 rows and 'of' has 100"),
        ({"X": shifted(2, 0), "rows": [0, 100]}, "expected 2 integers in 0..99"),
        ({"X": shifted(2, 0), "rows": [0.5, 1.0]}, "expected 2 integers"),
        (np.zeros((0, 2)), "without rows"),
        ({}, "without X"),
    ],
)
def test_incomplete_where_rows_do_not_belong_together(perturbed: object, sentence: str) -> None:
    with pytest.raises(IncompleteEvidence, match=sentence):
        judge(Invariance(**FIXTURES), perturbed)


@pytest.mark.parametrize(
    ("predict", "error", "sentence"),
    [
        (lambda given: given[:, 0] * np.nan, RecordingError, "NaN"),
        (lambda given: given[:3, 0], IncompleteEvidence, "predict returned 3 outputs for 100 rows"),
        (lambda given: 1.0, IncompleteEvidence, "predict returned one value for 100 rows"),
        (
            lambda given: np.full((100, 2), "a"),
            IncompleteEvidence,
            "predict returned 2 dimensions of dtype <U1",
        ),
        (
            lambda given: ["a"] * 100 if given[0, 1] else [0.5] * 100,
            IncompleteEvidence,
            "expected the same",
        ),
    ],
)
def test_incomplete_where_outputs_are_no_evidence(
    predict: Callable[[Any], Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        judge(Invariance(**FIXTURES), shifted(100, 0), SimpleNamespace(predict=predict))


def test_incomplete_where_the_model_has_no_probabilities() -> None:
    with pytest.raises(IncompleteEvidence, match="has no method predict_proba"):
        judge(Invariance(**FIXTURES, output="predict_proba"), shifted(100, 0))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: invariance, of: a, model: m", "checks[0].perturbed: is missing"),
        ("check: invariance, of: a, perturbed: b, model: m, tolerance: -1", "at least 0"),
        ("check: invariance, of: a, perturbed: b, model: m, output: decide", "checks[0].output"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)
