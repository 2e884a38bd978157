"""Calibration: against its own null, and by an upper bound of the true error."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext
from pytest_mlops.checks.calibration import Calibration
from pytest_mlops.errors import IncompleteEvidence, RecordingError
from pytest_mlops.stats.calibration_bound import squared_error
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Gate


def data(n: int, shift: float = 0.0, seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    probability = rng.uniform(0.2, 0.8, n)
    return {"y_true": (rng.random(n) < probability + shift).astype(int), "y_score": probability}


def given(value: object, **fixtures: object) -> CheckContext:
    return CheckContext(fixtures={"holdout": value, **fixtures}, seed=7)


@pytest.mark.parametrize(
    ("n", "shift", "verdict"),
    [
        (5000, 0.0, Verdict.PASS),
        (300, 0.0, Verdict.UNDECIDED),
        (2000, 0.06, Verdict.UNDECIDED),
        (2000, 0.15, Verdict.FAIL),
    ],
)
def test_error_is_judged_against_its_null_and_its_bound(n: int, shift: float, verdict: Verdict) -> None:
    found = Calibration(of="holdout").evaluate(given(data(n, shift)))
    assert found.verdict is verdict
    assert "if calibrated, p = " in found.message
    ((name, slice_, estimate),) = found.measurements
    assert (name, slice_, estimate.n) == ("calibration-holdout.ece", "all", n)


def test_error_below_the_tolerance_is_not_enough_to_pass() -> None:
    found = Calibration(of="holdout").evaluate(given(data(1000)))
    ece = found.measurements[0][2].value
    assert ece is not None
    assert ece < 0.05
    assert found.verdict is Verdict.UNDECIDED


def test_significant_but_tolerable_error_does_not_fail() -> None:
    value = data(20_000, 0.03)
    assert Calibration(of="holdout", tolerance=0.05).evaluate(given(value)).verdict is Verdict.PASS
    assert Calibration(of="holdout", tolerance=0.01).evaluate(given(value)).verdict is Verdict.FAIL


def test_undecided_says_how_many_examples_would_do() -> None:
    message = Calibration(of="holdout").evaluate(given(data(300))).message
    needed = int(message.rpartition("≈ ")[2].replace(",", ""))
    assert 1000 < needed < 5000
    beyond = Calibration(of="holdout", tolerance=0.0).evaluate(given(data(300))).message
    assert beyond.endswith("the error equals the tolerance")


def test_same_seed_gives_the_same_sentence() -> None:
    check = Calibration(of="holdout")
    assert check.evaluate(given(data(500))).message == check.evaluate(given(data(500))).message


def test_model_gives_probabilities_of_both_classes() -> None:
    value = data(3000)
    model = SimpleNamespace(
        predict=lambda rows: (rows > 0.5).astype(int),
        predict_proba=lambda rows: np.stack([1 - rows, rows], axis=1),
    )
    rows = {"X": value["y_score"], "y": value["y_true"]}
    by_model = Calibration(of="holdout", model="model").evaluate(given(rows, model=model))
    assert by_model.message == Calibration(of="holdout").evaluate(given(value)).message


def test_most_probable_class_counts_where_there_are_three() -> None:
    rng = np.random.default_rng(3)
    scores = rng.dirichlet([1, 1, 1], 8000)
    true = np.array([rng.choice(3, p=row) for row in scores])
    honest = Calibration(of="holdout").evaluate(given({"y_true": true, "y_score": scores}))
    assert honest.verdict is Verdict.PASS
    bold = scores**3 / (scores**3).sum(axis=1, keepdims=True)
    overconfident = Calibration(of="holdout").evaluate(given({"y_true": true, "y_score": bold}))
    assert overconfident.verdict is Verdict.FAIL


def test_two_columns_of_text_labels_are_judged_as_one_column_of_numbers() -> None:
    value = data(3000)
    labels = np.array(["no", "yes"])[value["y_true"]]
    columns = np.stack([1 - value["y_score"], value["y_score"]], axis=1)
    found = Calibration(of="holdout", positive="yes").evaluate(given({"y_true": labels, "y_score": columns}))
    assert found.message == Calibration(of="holdout").evaluate(given(value)).message


def test_slice_is_judged_alone() -> None:
    good, bad = data(4000), data(4000, 0.2, seed=2)
    value: dict[str, Any] = {key: np.concatenate([good[key], bad[key]]) for key in good}
    value["slices"] = np.repeat(["good", "bad"], 4000)
    verdicts = [
        Calibration(of="holdout", slice=name).evaluate(given(value)).verdict for name in ("good", "bad")
    ]
    assert verdicts == [Verdict.PASS, Verdict.FAIL]
    with pytest.raises(IncompleteEvidence, match="the slice none of the fixture 'holdout' has no examples"):
        Calibration(of="holdout", slice="none").evaluate(given(value))


@pytest.mark.parametrize(
    ("value", "error", "sentence"),
    [
        ({"y_true": [1, 1], "y_score": [0.9, 0.8]}, RecordingError, "positive"),
        ({"y_true": [1, 0]}, IncompleteEvidence, "has no y_score"),
        ({"y_score": [0.1]}, IncompleteEvidence, "without y_true or y"),
        ({"y_true": [1, 0], "y_score": [0.9, np.nan]}, RecordingError, "NaN"),
        ({"y_true": [], "y_score": []}, RecordingError, "empty"),
        ({"y_true": [1, 0], "y_score": [0.9, 1.2]}, RecordingError, "probabilities"),
    ],
)
def test_incomplete_without_probabilities_of_both_kinds(
    value: object, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        Calibration(of="holdout").evaluate(given(value))


def test_one_kind_of_example_is_incomplete() -> None:
    value = {"y_true": [1, 1], "y_score": [0.9, 0.8]}
    with pytest.raises(IncompleteEvidence, match="all 2 examples on all have the same outcome"):
        Calibration(of="holdout", positive=1).evaluate(given(value))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: calibration, of: h, tolerance: 1.5", "checks[0].tolerance"),
        ("check: calibration, of: h, bins: 1", "at least 2"),
        ("check: calibration", "checks[0].of: is missing"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)


def test_squared_error_is_the_mean_product_of_pairs_of_residuals() -> None:
    event, probability = np.array([True, False, True, True]), np.array([0.2, 0.3, 0.6, 0.9])
    residual = np.array([0.8, -0.3, 0.4, 0.1])
    found = squared_error(event, probability, [2, 2])
    assert found.value == pytest.approx((residual[0] * residual[1] + residual[2] * residual[3]) / 2)
    assert squared_error(event, probability, [3, 1]).value == pytest.approx(
        0.75 * (0.8 * -0.3 + 0.8 * 0.4 - 0.3 * 0.4) / 3 + 0.25 * 0.1**2
    )


def test_bound_solves_its_equation() -> None:
    found = squared_error(np.arange(400) % 3 == 0, np.linspace(0.2, 0.5, 400), [100] * 4)
    u = found.upper(0.95) ** 2
    assert u == pytest.approx(found.value + 1.6448536 * np.sqrt(found.noise + u / found.n))


def test_needed_n_brings_the_bound_down_to_the_tolerance() -> None:
    event, probability = np.arange(4000) % 2 == 0, np.full(4000, 0.5)
    found = squared_error(event[:400], probability[:400], [400])
    assert found.upper(0.95) > 0.06
    needed = found.needed_n(0.06, 0.95)
    assert needed is not None
    assert squared_error(event[:needed], probability[:needed], [needed]).upper(0.95) <= 0.0605
    certain = squared_error(np.ones(100, dtype=bool), np.ones(100), [100])
    assert certain.noise == 0
    assert certain.needed_n(0.05, 0.95) == 1083
    assert certain.upper(0.95) == pytest.approx(np.sqrt(1.6448536**2 / 100))


def test_under_the_gate_overconfidence_blocks(gate: Gate) -> None:
    gate.write(
        "conftest.py",
        """
        import numpy as np, pytest

        @pytest.fixture
        def holdout():
            rng = np.random.default_rng(1)
            p = rng.uniform(0.2, 0.8, 2000)
            return {"y_true": (rng.random(2000) < p).astype(int), "y_score": np.where(p > 0.5, 0.95, 0.05)}
        """,
    )
    gate.write("mlops.yaml", "checks: [{check: calibration, of: holdout}]")
    result = gate.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ECE on all is 0.*if calibrated*"])
    assert gate.record().verdict == "fail"
