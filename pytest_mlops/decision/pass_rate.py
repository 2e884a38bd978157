"""Pass rate of the model tests, and the lower bound of coverage × pass rate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.counts import UNSETTLED
from pytest_mlops.decision.finding import GateFinding, at_least
from pytest_mlops.records.integration import Bounds
from pytest_mlops.records.results import Outcome
from pytest_mlops.stats import binomial
from pytest_mlops.text import list_some
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from pytest_mlops.records.policy import GateSettings
    from pytest_mlops.records.results import TestResult

__all__ = ["CONFIDENCE", "PassRate", "measure_bounds", "measure_pass_rate"]

CONFIDENCE = 0.95
"""One-sided confidence level of the lower bound of coverage × pass rate."""

PASSED = frozenset({Outcome.PASSED, Outcome.XPASSED})
NOT_PASSED = frozenset({Outcome.FAILED, Outcome.XFAILED, Outcome.ERRORED, Outcome.CRASHED})


@dataclass(frozen=True, kw_only=True, slots=True)
class PassRate:
    """Pass rate β = passed / (passed + failed + errored); ``value`` is ``None`` without conclusive tests."""

    value: float | None
    passed: int
    settled: int
    findings: tuple[GateFinding, ...]


def measure_pass_rate(
    tests: Sequence[TestResult], gate: GateSettings, *, waived: AbstractSet[str]
) -> PassRate:
    """Measure the pass rate and compare it with its threshold.

    Flaky and undecided tests are not counted; the verdict is UNDECIDED if the threshold is met only by
    counting them as passed.

    Args:
        tests: All collected model tests.
        gate: Thresholds.
        waived: Names of failed tests with a waiver; they are not counted.
    """
    counts = Counter(test.outcome for test in tests if test.test_name not in waived)
    passed = sum(counts[outcome] for outcome in PASSED)
    settled = passed + sum(counts[outcome] for outcome in NOT_PASSED)
    unsettled = [test for test in tests if test.outcome in UNSETTLED]
    value = passed / settled if settled else None
    finding = _finding(passed, settled, unsettled, gate.min_pass_rate, waived=bool(waived))
    return PassRate(value=value, passed=passed, settled=settled, findings=(finding,))


def _finding(
    passed: int, settled: int, unsettled: Sequence[TestResult], threshold: float, *, waived: bool
) -> GateFinding:
    total = settled + len(unsettled)
    if total == 0:
        what = "every model test that ran is waived" if waived else "no model test ran to an end"
        return GateFinding(verdict=Verdict.INCOMPLETE, text=f"{what}, so there is no pass rate", missing=True)
    if at_least(passed / total, threshold):
        if not settled:
            return GateFinding(
                verdict=Verdict.UNDECIDED, text=f"no test settled: {_why_unsettled(unsettled)}"
            )
        return GateFinding(verdict=Verdict.PASS, text=f"pass rate {passed / settled:.3g} meets {threshold:g}")
    if at_least((passed + len(unsettled)) / total, threshold):
        text = f"the pass rate is not shown to meet {threshold:g}: {_why_unsettled(unsettled)}"
        return GateFinding(verdict=Verdict.UNDECIDED, text=text)
    failed = total - passed - len(unsettled)
    text = (
        f"pass rate {passed / settled:.3g} is below {threshold:g}: {failed} of {settled} model tests failed"
    )
    return GateFinding(verdict=Verdict.FAIL, text=text)


def _why_unsettled(tests: Sequence[TestResult]) -> str:
    whys = [
        f"{test.test_name} passed only on a rerun"
        if test.outcome is Outcome.FLAKY
        else f"{test.test_name} is undecided ({test.message})"
        for test in tests
    ]
    return list_some(whys, last=", and ")


def measure_bounds(
    coverage: float | None, rate: PassRate, gate: GateSettings
) -> tuple[Bounds | None, list[GateFinding]]:
    """Bound coverage × pass rate: coverage is exact, the pass rate has a Clopper-Pearson lower bound.

    With ``estimand: sample`` the bound is compared with ``gate.min_bound``.
    """
    if coverage is None or rate.value is None:
        return None, []
    lower_rate = binomial.lower_bound(rate.passed, rate.settled, CONFIDENCE)
    bounds = Bounds(product=coverage * rate.value, lower=coverage * lower_rate, confidence=CONFIDENCE)
    if gate.min_bound is None:
        return bounds, []
    return bounds, [_bound_finding(bounds, coverage, rate, gate.min_bound)]


def _bound_finding(bounds: Bounds, coverage: float, rate: PassRate, threshold: float) -> GateFinding:
    shown = f"coverage × pass rate is {bounds.product:.3g}, at least {bounds.lower:.3g} with 95 % confidence"
    if at_least(bounds.lower, threshold):
        return GateFinding(verdict=Verdict.PASS, text=f"{shown}, which meets {threshold:g}")
    if not at_least(bounds.product, threshold):
        return GateFinding(verdict=Verdict.FAIL, text=f"{shown}; {threshold:g} is required")
    text = f"{shown}; {threshold:g} is required"
    observed = rate.passed / rate.settled
    needed = binomial.needed_n(observed, threshold / coverage, CONFIDENCE) if coverage else None
    if needed is not None:
        text += f". At this pass rate that needs n ≈ {needed:,} tests"
    return GateFinding(verdict=Verdict.UNDECIDED, text=text)
