"""Robustness: the paired drop of accuracy, held against its margin."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext, CheckResult
from pytest_mlops.checks.robustness import Robustness
from pytest_mlops.errors import IncompleteEvidence, RecordingError
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = SimpleNamespace(predict=lambda rows: rows[:, 0].astype(int))


def judge(n: int, lost: int, gained: int = 0, **options: Any) -> CheckResult:
    """Judge a model that answers its first column, on rows of which it gets ``gained`` wrong at first."""
    true = np.arange(n) % 2
    before, after = true.copy(), true.copy()
    before[:gained] = 1 - before[:gained]
    after[gained : gained + lost] = 1 - after[gained : gained + lost]
    fixtures = {
        "holdout": {"X": np.stack([before, np.zeros(n)], axis=1), "y": true},
        "noisy": np.stack([after, np.ones(n)], axis=1),
        "model": MODEL,
    }
    check = Robustness(**{"of": "holdout", "perturbed": "noisy", "model": "model", "margin": 0.05, **options})
    return check.evaluate(CheckContext(fixtures=fixtures))


@pytest.mark.parametrize(
    ("n", "lost", "gained", "verdict"),
    [
        (1000, 10, 5, Verdict.PASS),
        (1000, 30, 0, Verdict.PASS),  # provably worse, and provably within the margin
        (100, 4, 2, Verdict.UNDECIDED),
        (1000, 100, 5, Verdict.FAIL),
        (29, 29, 0, Verdict.UNDECIDED),
    ],
)
def test_margin_decides(n: int, lost: int, gained: int, verdict: Verdict) -> None:
    assert judge(n, lost, gained).verdict is verdict


def test_unchanged_outputs_pass_from_the_closed_form_on() -> None:
    """z²(1 - margin)/margin examples: 52 at a margin of 0.05."""
    assert judge(52, 0).verdict is Verdict.PASS
    found = judge(51, 0)
    assert found.verdict is Verdict.UNDECIDED
    assert found.message.endswith("needs n ≈ 52")


def test_sentence_has_both_accuracies_and_what_would_decide() -> None:
    message = judge(100, 4, 2).message
    assert message.startswith("accuracy changes from 0.98 to 0.96 (n = 100, 4 lost, 2 gained, p = ")
    assert "; needs n ≈ " in message
    assert judge(29, 0).message.endswith("needs n ≥ 30")
    assert judge(100, 5, margin=0.03).message.endswith("the loss is at or above the margin")


def test_accuracy_and_its_change_are_recorded() -> None:
    measured = {name: estimate for name, _, estimate in judge(1000, 10, 5).measurements}
    assert measured["robustness-holdout.accuracy"].value == 0.99
    assert measured["robustness-holdout.change"].value == pytest.approx(-0.005)


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"noisy": np.zeros((3, 2))}, IncompleteEvidence, "has 3 rows"),
        ({"noisy": {"X": np.ones((2, 2)), "rows": [1, 0]}}, IncompleteEvidence, "has rows in another order"),
        ({"holdout": {"X": np.zeros((2, 2))}}, IncompleteEvidence, "without y_true or y"),
        ({"holdout": {"X": np.zeros((2, 2)), "y": [1]}}, RecordingError, "has length 2"),
        ({"holdout": {"X": np.zeros((2, 2)), "y": [0.5, 1.5]}}, IncompleteEvidence, "expected labels"),
        ({"model": SimpleNamespace(predict=lambda rows: rows)}, IncompleteEvidence, "expected labels"),
        ({"model": None}, IncompleteEvidence, "without a predict method"),
    ],
)
def test_incomplete_without_paired_right_outputs(
    changes: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    fixtures: dict[str, Any] = {
        "holdout": {"X": np.zeros((2, 2)), "y": [0, 1]},
        "noisy": np.ones((2, 2)),
        "model": MODEL,
    }
    check = Robustness(of="holdout", perturbed="noisy", model="model", margin=0.05)
    with pytest.raises(error, match=sentence):
        check.evaluate(CheckContext(fixtures={**fixtures, **changes}))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: robustness, of: a, perturbed: b, model: m", "checks[0].margin: is missing"),
        ("check: robustness, of: a, perturbed: b, model: m, margin: 0", "above 0"),
        ("check: robustness, of: a, perturbed: b, model: m, margin: 0.1, alpha: 0.5", "below 0.5"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)
