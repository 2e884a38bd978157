"""Directional expectation: the failure rate where answers should move."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext, CheckResult
from pytest_mlops.checks.directional import Directional
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.conftest import Gate

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
    ("expect", "fails", "by", "verdict"),
    [
        ("increase", 100, 1.0, Verdict.PASS),
        ("decrease", 100, -1.0, Verdict.PASS),
        ("decrease", 100, 1.0, Verdict.FAIL),
        ("increase", 1, 1.0, Verdict.PASS),
        ("increase", 3, -1.0, Verdict.UNDECIDED),
    ],
)
def test_direction_is_that_of_the_answer(expect: Any, fails: int, by: float, verdict: Verdict) -> None:
    check = Directional(**FIXTURES, expect=expect)
    assert judge(check, shifted(100, fails, by=by)).verdict is verdict


CONSTANT = SimpleNamespace(predict=lambda rows: np.full(len(rows), 7.0))


@pytest.mark.parametrize("options", [{}, {"by": -0.5}, {"confidence": None}, {"max_failure_rate": 0.9}])
@pytest.mark.parametrize("expect", ["increase", "decrease"])
def test_a_model_whose_outputs_never_move_does_not_pass(expect: Any, options: dict[str, Any]) -> None:
    found = judge(Directional(**FIXTURES, expect=expect, **options), shifted(100, 100), CONSTANT)
    assert found.verdict is Verdict.UNDECIDED
    assert "the output moved in 0 of 100 rows, which shows no direction: set by: above 0" in found.message


def test_a_model_whose_outputs_never_move_fails_where_they_have_to() -> None:
    found = judge(Directional(**FIXTURES, expect="increase", by=0.1), shifted(100, 100), CONSTANT)
    assert found.verdict is Verdict.FAIL
    assert found.message.endswith("the output moved in 0 of 100 rows")


def test_the_share_of_rows_that_move_is_recorded_and_counts_a_row_once() -> None:
    changed = np.repeat(rows(100), 2, axis=0) + np.array([0.0, 1.0])
    changed[:60:2, 0] += 1.0
    perturbed = {"X": changed, "rows": np.repeat(np.arange(100), 2)}
    found = judge(Directional(**FIXTURES, expect="increase"), perturbed)
    assert found.verdict is Verdict.PASS
    assert "the output moved in 30 of 100 rows" in found.message
    recorded = {name: estimate.value for name, _, estimate in found.measurements}
    assert recorded["directional-of.moved"] == 0.3


@pytest.mark.parametrize(
    ("least", "verdict"), [(0.3, Verdict.PASS), (0.31, Verdict.FAIL), (-0.1, Verdict.PASS)]
)
def test_direction_may_ask_for_a_least_change(least: float, verdict: Verdict) -> None:
    check = Directional(**FIXTURES, expect="increase", by=least)
    assert judge(check, shifted(100, 100, by=0.3)).verdict is verdict


def probabilities(classes: list[str]) -> SimpleNamespace:
    def predict_proba(given: Any) -> Any:
        last = 0.5 + 0.1 * given[:, 1]
        rest = [(1 - last) / (len(classes) - 1)] * (len(classes) - 1)
        return np.stack([*rest, last], axis=1)

    return SimpleNamespace(predict=len, predict_proba=predict_proba, classes_=np.array(classes))


@pytest.mark.parametrize(
    ("classes", "label", "expect", "verdict"),
    [
        (["no", "yes"], None, "increase", Verdict.PASS),
        (["no", "yes"], "no", "decrease", Verdict.PASS),
        (["a", "b", "c"], "c", "decrease", Verdict.FAIL),
    ],
)
def test_direction_of_a_probability(
    classes: list[str], label: str | None, expect: Any, verdict: Verdict
) -> None:
    check = Directional(**FIXTURES, expect=expect, output="predict_proba", label=label)
    assert judge(check, shifted(100, 0), probabilities(classes)).verdict is verdict


def test_probability_of_the_event_alone_is_its_own_column() -> None:
    model = SimpleNamespace(predict=len, predict_proba=lambda given: 0.5 + 0.1 * given[:, 1:])
    check = Directional(**FIXTURES, expect="increase", output="predict_proba", by=0.1)
    assert judge(check, shifted(100, 0), model).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        (SIGN, {}, "expected one number per row"),
        (probabilities(["a", "b", "c"]), {"output": "predict_proba"}, "returned 3 columns"),
        (probabilities(["a", "b"]), {"output": "predict_proba", "label": "z"}, "label is 'z'"),
    ],
)
def test_direction_is_incomplete_without_one_number(
    model: object, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(IncompleteEvidence, match=sentence):
        judge(Directional(**FIXTURES, expect="increase", **options), shifted(100, 0), model)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: directional, of: a, perturbed: b, model: m", "checks[0].expect: is missing"),
        ("check: directional, of: a, perturbed: b, model: m, expect: up", "checks[0].expect"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)


def test_under_the_gate_behaviour_is_tested_from_the_file_alone(gate: Gate) -> None:
    gate.write(
        "conftest.py",
        """
        import numpy as np, pytest
        from types import SimpleNamespace

        @pytest.fixture
        def flats():
            return np.arange(100.0)[:, None]

        @pytest.fixture
        def larger(flats):
            return flats + 10

        @pytest.fixture
        def model():
            return SimpleNamespace(predict=lambda X: 3 * X[:, 0])
        """,
    )
    gate.write(
        "mlops.yaml",
        """
        checks:
          - {check: directional, of: flats, perturbed: larger, model: model, expect: increase, by: 30}
          - {check: invariance, of: flats, perturbed: larger, model: model}
        """,
    )
    result = gate.run()
    assert result.ret == 1
    results = {
        test.test_name.rpartition("::")[2]: test.outcome for test in gate.record().test_results.results
    }
    assert results == {"directional-flats": "passed", "invariance-flats": "failed"}
