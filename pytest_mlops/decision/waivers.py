"""Waivers: temporary exceptions for failing rules and tests."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from pytest_mlops.decision.finding import GateFinding
from pytest_mlops.names import matches_test
from pytest_mlops.records.integration import RuleResult, WaiverUse
from pytest_mlops.records.results import Outcome
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pytest_mlops.records.policy import Waiver
    from pytest_mlops.records.results import TestResult

__all__ = ["Waived", "apply_waivers"]

WaiverStatus = Literal["used", "not_needed", "expired", "unmatched"]

WAIVABLE_RULE = frozenset({Verdict.FAIL, Verdict.UNDECIDED})
"""Missing evidence cannot be waived, since there is no result that the approver could accept."""

WAIVABLE_TEST = frozenset({Outcome.FAILED, Outcome.XFAILED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Waived:
    """Result of applying the waivers.

    Attributes:
        tests: Names of failed tests that are waived.
        rules: All rule results, waived ones as WAIVED.
        uses: Outcome of each waiver.
        findings: WAIVED for each used waiver, FAIL for each expired or unmatched one.
    """

    tests: frozenset[str]
    rules: tuple[RuleResult, ...]
    uses: tuple[WaiverUse, ...]
    findings: tuple[GateFinding, ...]


def apply_waivers(
    waivers: Sequence[Waiver],
    tests: Sequence[TestResult],
    rules: Sequence[RuleResult],
    *,
    version: str | None,
    today: date,
    narrowed: bool,
) -> Waived:
    """Apply the valid waivers to failed tests and rules.

    Args:
        waivers: The configured waivers.
        tests: All collected model tests.
        rules: The results of all rules.
        version: The model version under test, which the scope of a waiver must match.
        today: The day of the run.
        narrowed: Whether the user selected a subset of the tests, so that a waived one may be missing.
    """
    waived_tests: set[str] = set()
    waived_rules: set[str] = set()
    uses, findings = [], []
    for waiver in waivers:
        named_tests = [test for test in tests if waiver.test and matches_test(waiver.test, test.test_name)]
        named_rules = [rule for rule in rules if waiver.rule is not None and rule.rule == waiver.rule]
        failed_tests = {test.test_name for test in named_tests if test.outcome in WAIVABLE_TEST}
        failed_rules = {rule.rule for rule in named_rules if rule.verdict in WAIVABLE_RULE}
        in_scope = waiver.scope == "*" or (version is not None and fnmatchcase(version, waiver.scope))
        status, finding = _status(
            waiver,
            matched=bool(named_tests or named_rules) and in_scope,
            needed=bool(failed_tests or failed_rules),
            expired=waiver.expires < today,
            narrowed=narrowed,
        )
        if status == "used":
            waived_tests |= failed_tests
            waived_rules |= failed_rules
        uses.append(
            WaiverUse(
                subject=waiver.subject,
                status=status,
                reason=waiver.reason,
                approver=waiver.approver,
                expires=waiver.expires.isoformat(),
            )
        )
        if finding is not None:
            findings.append(finding)
    return Waived(
        tests=frozenset(waived_tests),
        rules=tuple(
            rule.model_copy(update={"verdict": Verdict.WAIVED})
            if rule.rule in waived_rules and rule.verdict in WAIVABLE_RULE
            else rule
            for rule in rules
        ),
        uses=tuple(uses),
        findings=tuple(findings),
    )


def _status(
    waiver: Waiver, *, matched: bool, needed: bool, expired: bool, narrowed: bool
) -> tuple[WaiverStatus, GateFinding | None]:
    by = f"by {waiver.approver} until {waiver.expires}: {waiver.reason}"
    if expired:
        text = (
            f"the waiver of {waiver.subject} expired on {waiver.expires}; fix the cause, or renew the waiver"
        )
        return "expired", GateFinding(verdict=Verdict.FAIL, text=text)
    if not matched:
        text = (
            f"the waiver of {waiver.subject} for versions {waiver.scope} matches nothing in this run; "
            "remove it, or fix its name or scope"
        )
        verdict = Verdict.INCOMPLETE if narrowed else Verdict.FAIL
        return "unmatched", GateFinding(verdict=verdict, text=text, missing=narrowed)
    if not needed:
        return "not_needed", None
    return "used", GateFinding(verdict=Verdict.WAIVED, text=f"{waiver.subject} is waived {by}")
