"""Rules: a bound on a recorded number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.decision.lookup import Measurements
from pytest_mlops.decision.rules import evaluate_rule
from pytest_mlops.records.measurement import Binomial, Measurement, Normal, OrderStatistics, Origin
from pytest_mlops.records.rule import Rule
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.records.integration import RuleResult


def number(value: float | None, name: str = "accuracy", **more: object) -> Measurement:
    fields = {"name": name, "value": value, "origin": Origin.METRIC, "test": "t"} | more
    return Measurement.model_validate(fields)


def share(successes: int, trials: int) -> Measurement:
    basis = Binomial(successes=successes, trials=trials)
    return number(successes / trials, n=trials, basis=basis, origin=Origin.PREDICTIONS)


def evaluate(rule: dict[str, object], *measurements: Measurement) -> RuleResult:
    return evaluate_rule(Rule.model_validate({"metric": "accuracy"} | rule), Measurements(measurements))


@pytest.mark.parametrize(
    ("value", "bounds", "verdict"),
    [
        (0.93, {"min": 0.93}, Verdict.PASS),
        (0.80 + 0.05, {"min": 0.85}, Verdict.PASS),
        (0.1 + 0.2, {"max": 0.3}, Verdict.PASS),
        (0.9299999, {"min": 0.93}, Verdict.FAIL),
        (0.3000001, {"max": 0.3}, Verdict.FAIL),
        (0.5, {"min": 0.4, "max": 0.6}, Verdict.PASS),
        (0.7, {"min": 0.4, "max": 0.6}, Verdict.FAIL),
        (-3.0, {"max": 0}, Verdict.PASS),
    ],
)
def test_the_estimate_decides_inclusively_and_in_decimal(
    value: float, bounds: dict[str, object], verdict: Verdict
) -> None:
    assert evaluate(bounds, number(value)).verdict is verdict


def test_an_unrecorded_metric_is_incomplete_and_lists_the_recorded_ones() -> None:
    found = evaluate({"min": 0.9}, number(0.95, "acuracy"))
    assert found.verdict is Verdict.INCOMPLETE
    assert "did you mean acuracy" in found.message


def test_the_recall_of_more_than_two_labels_is_incomplete_and_points_to_the_average() -> None:
    found = evaluate(
        {"metric": "recall", "min": 0.5}, number(0.9, "recall_macro", note="macro over 3 classes")
    )
    assert found.verdict is Verdict.INCOMPLETE
    assert "more than two labels; name recall_macro, the average (macro over 3 classes)" in found.message


def test_the_beginning_of_a_name_is_enough_for_the_hint() -> None:
    assert "did you mean accuracy" in evaluate({"metric": "acc", "min": 0.9}, number(0.95)).message


def test_where_nothing_was_recorded_the_message_says_so() -> None:
    assert "no metrics" in evaluate({"min": 0.9}).message


def test_with_no_near_name_the_recorded_ones_are_listed() -> None:
    found = evaluate({"min": 0.9}, *(number(1.0, f"zz{index}") for index in range(7)))
    assert "recorded were zz0, zz1, zz2, zz3, zz4 and 2 more" in found.message


def test_an_undefined_number_is_incomplete() -> None:
    found = evaluate({"min": 0.9}, number(None, undefined="one class only"))
    assert found.verdict is Verdict.INCOMPLETE
    assert "one class only" in found.message


@pytest.mark.parametrize(
    ("successes", "trials", "verdict"),
    [(990, 1000, Verdict.PASS), (92, 100, Verdict.UNDECIDED), (700, 1000, Verdict.FAIL)],
)
def test_with_confidence_the_bound_decides(successes: int, trials: int, verdict: Verdict) -> None:
    found = evaluate({"min": 0.9, "confidence": 0.95}, share(successes, trials))
    assert found.verdict is verdict
    assert found.level == 0.95
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < successes / trials < found.upper


@pytest.mark.parametrize(
    ("stderr", "verdict"), [(0.001, Verdict.PASS), (0.02, Verdict.UNDECIDED), (0.0, Verdict.PASS)]
)
def test_with_confidence_an_upper_limit_holds_for_the_upper_bound(stderr: float, verdict: Verdict) -> None:
    measured = number(0.19, n=50, basis=Normal(stderr=stderr))
    assert evaluate({"max": 0.2, "confidence": 0.95}, measured).verdict is verdict


def test_undecided_says_which_n_would_decide() -> None:
    found = evaluate({"min": 0.9, "confidence": 0.95}, share(92, 100))
    assert "needs n ≈" in found.message


def test_an_estimate_on_the_threshold_is_decided_by_no_n() -> None:
    found = evaluate({"min": 0.9, "confidence": 0.95}, share(90, 100))
    assert found.verdict is Verdict.UNDECIDED
    assert "only another limit or another model" in found.message


def test_with_confidence_a_bare_number_is_incomplete_and_says_how_to_fix_it() -> None:
    found = evaluate({"min": 0.9, "confidence": 0.95}, number(0.99))
    assert found.verdict is Verdict.INCOMPLETE
    assert "mlops.score" in found.message


def test_a_quantile_takes_the_stored_level_that_is_strict_enough() -> None:
    basis = OrderStatistics(
        quantile=0.99, lower={"0.95": 10.0, "0.99": 9.0}, upper={"0.95": 14.0, "0.99": 16.0}
    )
    measured = number(12.0, n=500, basis=basis)
    assert evaluate({"max": 15, "confidence": 0.95}, measured).verdict is Verdict.PASS
    assert evaluate({"max": 15, "confidence": 0.97}, measured).verdict is Verdict.UNDECIDED
    assert evaluate({"max": 15, "confidence": 0.999}, measured).verdict is Verdict.INCOMPLETE


def test_every_rule_reports_n_interval_and_the_smallest_effect_seen() -> None:
    found = evaluate({"min": 0.9}, share(95, 100))
    assert (found.estimate, found.n, found.level) == (0.95, 100, 0.95)
    # 1.645 and 0.842 standard errors at p = 0.9, n = 100 make 0.0746.
    assert found.mde == pytest.approx(0.0746, abs=0.02)


@pytest.mark.parametrize("value", [5.0, 50.0])
def test_a_time_measured_beside_other_workers_decides_nothing(value: float) -> None:
    found = evaluate({"max": 20}, number(value, contended=True))
    assert found.verdict is Verdict.UNDECIDED
    assert "run without -n" in found.message


def test_a_rule_without_data_set_means_the_one_there_is() -> None:
    assert evaluate({"min": 0.9}, number(0.95, dataset="holdout")).dataset == "holdout"


def test_a_rule_without_data_set_is_incomplete_where_there_are_several() -> None:
    found = evaluate({"min": 0.9}, number(0.95, dataset="old"), number(0.95, dataset="new"))
    assert found.verdict is Verdict.INCOMPLETE
    assert "new, old" in found.message


def test_a_rule_of_a_slice_is_not_met_by_the_whole() -> None:
    found = evaluate({"min": 0.9, "slice": "young"}, number(0.95))
    assert found.verdict is Verdict.INCOMPLETE
    assert found.rule == "accuracy[young]"
