"""Waivers: named, scoped, reasoned, approved and dated, or of no effect."""

from __future__ import annotations

from datetime import date

import pytest

from pytest_mlops.decision.waivers import Waived, apply_waivers
from pytest_mlops.records.integration import RuleResult
from pytest_mlops.records.policy import Waiver
from pytest_mlops.records.results import Outcome, TestResult
from pytest_mlops.verdict import Verdict

TODAY = date(2026, 6, 15)


def waiver(**more: object) -> Waiver:
    fields = {"scope": "*", "reason": "known", "approver": "Ada", "expires": "2026-06-30"} | more
    return Waiver.model_validate(fields)


def case(name: str, outcome: str) -> TestResult:
    return TestResult(test_name=name, passed=outcome == "passed", outcome=Outcome(outcome))


def rule(name: str, verdict: Verdict) -> RuleResult:
    return RuleResult(rule=name, metric=name, severity="block", verdict=verdict, message="because")


def apply(
    *waivers: Waiver,
    tests: tuple[TestResult, ...] = (),
    rules: tuple[RuleResult, ...] = (),
    version: str | None = "2026.11.0",
    narrowed: bool = False,
) -> Waived:
    return apply_waivers(waivers, tests, rules, version=version, today=TODAY, narrowed=narrowed)


def outcome(waived: Waived) -> tuple[str, list[Verdict]]:
    (use,) = waived.uses
    return use.status, [finding.verdict for finding in waived.findings]


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNDECIDED])
def test_a_failing_rule_is_let_through_as_waived(verdict: Verdict) -> None:
    found = apply(waiver(rule="mae"), rules=(rule("mae", verdict), rule("rmse", verdict)))
    assert [part.verdict for part in found.rules] == [Verdict.WAIVED, verdict]
    assert outcome(found) == ("used", [Verdict.WAIVED])


def test_missing_evidence_cannot_be_waived() -> None:
    found = apply(waiver(rule="mae"), rules=(rule("mae", Verdict.INCOMPLETE),))
    assert found.rules[0].verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(("result", "waived"), [("failed", True), ("xfailed", True), ("errored", False)])
def test_a_failed_test_is_let_through_and_an_error_is_not(result: str, waived: bool) -> None:
    found = apply(waiver(test="t.py::a"), tests=(case("t.py::a", result),))
    assert (found.tests == {"t.py::a"}) is waived


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("t.py::a[1-x]", True), ("t.py::a", True), ("t.py::*", True), ("t.py::b", False), ("t.py::a[2]", False)],
)
def test_a_test_is_named_by_id_by_function_or_by_glob(pattern: str, matches: bool) -> None:
    found = apply(waiver(test=pattern), tests=(case("t.py::a[1-x]", "failed"),))
    assert bool(found.tests) is matches


@pytest.mark.parametrize(
    ("scope", "version", "status"),
    [
        ("2026.11.*", "2026.11.0", "used"),
        ("2026.10.*", "2026.11.0", "unmatched"),
        ("2026.11.*", None, "unmatched"),
        ("*", None, "used"),
    ],
)
def test_its_scope_has_to_match_the_version(scope: str, version: str | None, status: str) -> None:
    found = apply(waiver(rule="mae", scope=scope), rules=(rule("mae", Verdict.FAIL),), version=version)
    assert found.uses[0].status == status
    assert (found.rules[0].verdict is Verdict.WAIVED) is (status == "used")


@pytest.mark.parametrize(("expires", "status"), [("2026-06-15", "used"), ("2026-06-14", "expired")])
def test_it_counts_to_the_end_of_its_last_day(expires: str, status: str) -> None:
    found = apply(waiver(rule="mae", expires=expires), rules=(rule("mae", Verdict.FAIL),))
    assert found.uses[0].status == status


def test_an_expired_one_fails_even_where_nothing_needs_it() -> None:
    found = apply(waiver(rule="mae", expires="2026-01-01"), rules=(rule("mae", Verdict.PASS),))
    assert outcome(found) == ("expired", [Verdict.FAIL])


def test_one_that_matches_nothing_fails() -> None:
    assert outcome(apply(waiver(rule="mae"))) == ("unmatched", [Verdict.FAIL])


def test_in_a_narrowed_run_one_that_matches_nothing_is_missing_evidence() -> None:
    found = apply(waiver(test="t.py::a"), narrowed=True)
    assert outcome(found) == ("unmatched", [Verdict.INCOMPLETE])
    assert found.findings[0].missing


def test_one_that_is_not_needed_changes_nothing() -> None:
    found = apply(waiver(test="t.py::a"), tests=(case("t.py::a", "passed"),))
    assert outcome(found) == ("not_needed", [])
    assert not found.tests
