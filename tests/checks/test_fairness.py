"""Fairness: gaps between groups with their bounds, and groups too small to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext, CheckResult
from pytest_mlops.checks.fairness import Fairness
from pytest_mlops.errors import IncompleteEvidence, RecordingError
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Gate


def data(*groups: tuple[int, float, float]) -> dict[str, Any]:
    """Return examples, half of them positive, with (examples, TPR, FPR) per group a, b, …"""
    true, pred = [], []
    for n, tpr, fpr in groups:
        half = n // 2
        true += [1] * half + [0] * half
        pred += [int(i < round(tpr * half)) for i in range(half)] + [
            int(i < round(fpr * half)) for i in range(half)
        ]
    names = np.repeat(list("abcd")[: len(groups)], [n // 2 * 2 for n, _, _ in groups])
    return {"y_true": np.array(true), "y_pred": np.array(pred), "groups": names}


def judge(value: object, **options: Any) -> CheckResult:
    return Fairness(**{"of": "holdout", **options}).evaluate(
        CheckContext(fixtures={"holdout": value}, seed=3)
    )


ALIKE, APART = (2000, 0.8, 0.1), (2000, 0.5, 0.1)


@pytest.mark.parametrize("criterion", ["equalised_odds", "demographic_parity"])
@pytest.mark.parametrize(
    ("groups", "verdict"),
    [
        ([ALIKE, ALIKE], Verdict.PASS),
        ([ALIKE, APART], Verdict.FAIL),
        ([(100, 0.8, 0.1), (100, 0.8, 0.1)], Verdict.UNDECIDED),
        ([ALIKE, ALIKE, (20, 0.8, 0.1)], Verdict.UNDECIDED),
        ([ALIKE, (20, 0.2, 0.1)], Verdict.UNDECIDED),
        ([ALIKE, APART, (20, 0.8, 0.1)], Verdict.FAIL),
    ],
)
def test_bounds_of_the_gap_decide(
    groups: list[tuple[int, float, float]], verdict: Verdict, criterion: str
) -> None:
    assert judge(data(*groups), criterion=criterion).verdict is verdict


def test_false_positive_rates_count_under_equalised_odds() -> None:
    apart = data((2000, 0.8, 0.1), (2000, 0.8, 0.4))
    assert judge(apart).verdict is Verdict.FAIL


def test_demographic_parity_does_not_ask_whether_predictions_are_right() -> None:
    same_share = data((2000, 0.8, 0.1), (2000, 0.5, 0.4))
    assert judge(same_share, criterion="demographic_parity").verdict is Verdict.PASS
    assert judge(same_share).verdict is Verdict.FAIL


def test_groups_without_any_positive_prediction_prove_nothing_by_their_number_of_30() -> None:
    """Resampling 0 of 30 gives 0 of 30 for ever."""
    nothing = data((60, 0.0, 0.0), (60, 0.0, 0.0))
    assert judge(nothing, tolerance=0.05).verdict is Verdict.UNDECIDED


def test_sentence_has_bound_bias_and_what_would_decide() -> None:
    message = judge(data((200, 0.8, 0.1), (200, 0.8, 0.1))).message
    assert "equalised odds gap is 0 (n = 400, 0 to 0." in message
    assert ", bias +0." in message
    assert "needs n ≈ " in message
    small = judge(data(ALIKE, (20, 0.2, 0.1))).message
    assert small.endswith("needs 30 examples behind each rate, too few in b (10)")
    near = judge(data((1000, 0.8, 0.1), (1000, 0.7, 0.1))).message
    assert near.endswith("needs a larger n")


def test_gap_and_rates_of_groups_are_recorded() -> None:
    found = judge(data(ALIKE, APART))
    recorded = {(name, slice_): estimate for name, slice_, estimate in found.measurements}
    assert recorded["fairness-holdout.gap", "all"].value == pytest.approx(0.3)
    assert recorded["fairness-holdout.selection_rate", "b"].value == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"groups": None}, IncompleteEvidence, "without groups or group"),
        ({"groups": ["a"] * 200}, IncompleteEvidence, "has 1 group"),
        ({"groups": ["a"] * 3}, RecordingError, "groups has length 3"),
        (
            {"y_true": [1] * 100 + [0] * 50 + [1] * 50},
            IncompleteEvidence,
            "the group a has examples of one class",
        ),
        (
            {"y_true": ["p", "q"] * 100, "y_pred": ["p", "q"] * 100},
            RecordingError,
            "expected positive=",
        ),
    ],
)
def test_incomplete_without_groups_to_compare(
    change: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        judge({**data((100, 0.8, 0.1), (100, 0.8, 0.1)), **change})


def test_no_examples_are_incomplete() -> None:
    with pytest.raises(RecordingError, match="empty"):
        judge({"y_true": [], "y_pred": [], "groups": []})


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: fairness, of: h, criterion: equality", "checks[0].criterion"),
        ("check: fairness, of: h, tolerance: -0.1", "at least 0"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)


def test_under_the_gate_small_groups_are_undecided(gate: Gate) -> None:
    gate.write(
        "conftest.py",
        """
        import numpy as np, pytest

        @pytest.fixture
        def holdout():
            true = np.arange(80) % 2
            return {"y_true": true, "y_pred": true, "groups": np.repeat(["a", "b"], 40)}
        """,
    )
    gate.write("mlops.yaml", "checks: [{check: fairness, of: holdout}]")
    assert gate.run().ret == 0
    assert gate.record().verdict == "undecided"
    assert gate.run("--mlops-context=release").ret == 1
