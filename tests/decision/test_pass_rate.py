"""Pass rate, and its product with coverage."""

from __future__ import annotations

import pytest

from pytest_mlops.decision.pass_rate import PassRate, measure_bounds, measure_pass_rate
from pytest_mlops.records.policy import GateSettings
from pytest_mlops.records.results import Outcome, TestResult
from pytest_mlops.verdict import Verdict


def measure(*outcomes: str, waived: frozenset[str] = frozenset(), **gate: object) -> PassRate:
    """Measure tests called t0, t1, … with these outcomes."""
    tests = [
        TestResult(test_name=f"t{index}", passed=outcome in {"passed", "xpassed"}, outcome=Outcome(outcome))
        for index, outcome in enumerate(outcomes)
    ]
    return measure_pass_rate(tests, GateSettings.model_validate(gate), waived=waived)


def verdict(rate: PassRate) -> Verdict:
    (finding,) = rate.findings
    return finding.verdict


@pytest.mark.parametrize("bad", ["failed", "xfailed", "errored", "crashed"])
def test_whatever_went_wrong_counts_against(bad: str) -> None:
    rate = measure("passed", "passed", "passed", bad)
    assert rate.value == 0.75
    assert verdict(rate) is Verdict.FAIL


@pytest.mark.parametrize("neutral", ["skipped", "deselected", "not_run"])
def test_what_never_ran_counts_neither_way(neutral: str) -> None:
    rate = measure("passed", neutral)
    assert (rate.value, verdict(rate)) == (1.0, Verdict.PASS)


def test_an_unexpected_pass_is_a_pass() -> None:
    assert measure("xpassed").value == 1.0


@pytest.mark.parametrize("outcomes", [(), ("skipped",), ("not_run", "deselected")])
def test_without_a_settled_test_there_is_no_rate(outcomes: tuple[str, ...]) -> None:
    rate = measure(*outcomes)
    assert (rate.value, verdict(rate)) == (None, Verdict.INCOMPLETE)


def test_a_rate_at_the_threshold_meets_it() -> None:
    assert verdict(measure("passed", "passed", "failed", min_pass_rate=2 / 3)) is Verdict.PASS


def test_flaky_tests_are_undecided_where_they_would_make_the_difference() -> None:
    assert verdict(measure("passed", "flaky")) is Verdict.UNDECIDED
    assert verdict(measure("passed", "flaky", min_pass_rate=0.5)) is Verdict.PASS
    assert verdict(measure("passed", "flaky", "failed")) is Verdict.FAIL


def test_flaky_tests_alone_are_undecided_even_where_nothing_is_demanded() -> None:
    rate = measure("flaky", min_pass_rate=0.0)
    assert (rate.value, verdict(rate)) == (None, Verdict.UNDECIDED)


def test_waived_tests_stay_outside() -> None:
    rate = measure("passed", "failed", waived=frozenset({"t1"}))
    assert (rate.value, rate.settled, verdict(rate)) == (1.0, 1, Verdict.PASS)


def test_where_all_that_ran_is_waived_there_is_no_rate() -> None:
    rate = measure("failed", waived=frozenset({"t0"}))
    assert verdict(rate) is Verdict.INCOMPLETE
    assert "waived" in rate.findings[0].text


def test_the_bound_is_coverage_times_clopper_pearson() -> None:
    # BetaInv(0.05; 9, 2) = 0.6058..., Clopper and Pearson for 9 of 10.
    rate = measure(*["passed"] * 9, "failed", min_pass_rate=0.9)
    bounds, findings = measure_bounds(0.5, rate, GateSettings(min_pass_rate=0.9))
    assert bounds is not None
    assert bounds.product == pytest.approx(0.45)
    assert bounds.lower == pytest.approx(0.5 * 0.60584, abs=1e-5)
    assert findings == []


def test_without_coverage_or_rate_there_is_no_bound() -> None:
    assert measure_bounds(None, measure("passed"), GateSettings()) == (None, [])
    assert measure_bounds(1.0, measure("skipped"), GateSettings()) == (None, [])


@pytest.mark.parametrize(
    ("tests", "coverage", "least", "expected"),
    [
        (100, 1.0, 0.95, Verdict.PASS),
        (10, 1.0, 0.95, Verdict.UNDECIDED),
        (100, 0.5, 0.95, Verdict.FAIL),
    ],
)
def test_of_a_sample_the_lower_bound_decides(
    tests: int, coverage: float, least: float, expected: Verdict
) -> None:
    gate = GateSettings(estimand="sample", min_bound=least)
    _, (finding,) = measure_bounds(coverage, measure(*["passed"] * tests), gate)
    assert finding.verdict is expected


def test_an_undecided_bound_says_how_many_tests_would_decide() -> None:
    # 0.05 ** (1 / n) >= 0.95 from n = 59 on, the rule of three in its exact form.
    gate = GateSettings(estimand="sample", min_bound=0.95)
    _, (finding,) = measure_bounds(1.0, measure(*["passed"] * 10), gate)
    assert "n ≈ 59 tests" in finding.text


def test_a_bound_at_no_coverage_decides_without_a_number() -> None:
    gate = GateSettings(estimand="sample", min_bound=0.0)
    _, (finding,) = measure_bounds(0.0, measure("passed"), gate)
    assert finding.verdict is Verdict.PASS
