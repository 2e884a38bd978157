"""Rules: a bound on a recorded number, decided by the estimate or by its confidence bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.decision.estimates import estimate_of
from pytest_mlops.decision.finding import at_least, at_most
from pytest_mlops.records.integration import RuleResult
from pytest_mlops.records.measurement import Binomial, Measurement
from pytest_mlops.stats.interval import Interval, bounds, mde, needed_n
from pytest_mlops.verdict import Verdict, combine

if TYPE_CHECKING:
    from pytest_mlops.decision.lookup import Measurements
    from pytest_mlops.records.policy import Rule

__all__ = ["evaluate_rule"]

DISPLAY_LEVEL = 0.95
"""Two-sided confidence of the interval shown beside an estimate that decides by itself."""


def evaluate_rule(rule: Rule, measurements: Measurements) -> RuleResult:
    """Evaluate one rule.

    Without ``confidence`` the estimate decides, inclusively and exactly in decimal. With it, the rule holds
    when the one-sided confidence bound meets the threshold, fails when the opposite bound misses it, and is
    UNDECIDED between.
    """
    found = measurements.find(rule.metric, rule.slice, rule.dataset)
    if not isinstance(found, Measurement):
        return _result(rule, Verdict.INCOMPLETE, found)
    if found.value is None:
        return _result(rule, Verdict.INCOMPLETE, f"{found.title} is undefined: {found.undefined}", found)
    if rule.confidence is None:
        # The one-sided level whose two bounds make the two-sided display interval.
        interval = bounds(estimate_of(found), (1 + DISPLAY_LEVEL) / 2)
        verdict = _by_estimate(rule, found.value)
        outcome, level = "", DISPLAY_LEVEL
    else:
        interval = bounds(estimate_of(found), rule.confidence)
        verdict, outcome = _by_bound(rule, found, interval)
        level = rule.confidence
    if found.contended and verdict is not Verdict.INCOMPLETE:
        verdict = Verdict.UNDECIDED
        outcome = "; a time measured beside other workers decides nothing. Run without -n"
    text = _describe(rule, found) + outcome
    return _result(rule, verdict, text, found, interval, level)


def _by_estimate(rule: Rule, value: float) -> Verdict:
    holds = (rule.min is None or at_least(value, rule.min)) and (rule.max is None or at_most(value, rule.max))
    return Verdict.PASS if holds else Verdict.FAIL


def _by_bound(rule: Rule, found: Measurement, interval: Interval | None) -> tuple[Verdict, str]:
    if interval is None:
        hint = "record n and stderr with it, or the predictions themselves"
        return (
            Verdict.INCOMPLETE,
            f"; no interval at {rule.confidence:g} is known for it. {hint[0].upper()}{hint[1:]}",
        )
    sides = []
    if rule.min is not None:
        sides.append(
            _side(holds=at_least(interval.lower, rule.min), fails=not at_least(interval.upper, rule.min))
        )
    if rule.max is not None:
        sides.append(
            _side(holds=at_most(interval.upper, rule.max), fails=not at_most(interval.lower, rule.max))
        )
    verdict = combine(sides)
    return verdict, _what_would_decide(rule, found) if verdict is Verdict.UNDECIDED else ""


def _side(*, holds: bool, fails: bool) -> Verdict:
    if holds:
        return Verdict.PASS
    return Verdict.FAIL if fails else Verdict.UNDECIDED


def _what_would_decide(rule: Rule, found: Measurement) -> str:
    thresholds = [bound for bound in (rule.min, rule.max) if bound is not None]
    needs = [needed_n(estimate_of(found), bound, rule.confidence or DISPLAY_LEVEL) for bound in thresholds]
    known = [n for n in needs if n is not None]
    if not known:
        return (
            "; the estimate stands at the threshold, so only another threshold or another model would decide"
        )
    return f"; needs n ≈ {max(known):,}"


def _describe(rule: Rule, found: Measurement) -> str:
    wanted = []
    if rule.min is not None:
        wanted.append(f"at least {rule.min:g}")
    if rule.max is not None:
        wanted.append(f"at most {rule.max:g}")
    return f"{found.title} = {found.value:.4g}, must be {' and '.join(wanted)}"


def _size(found: Measurement) -> int | None:
    """Return the examples that the estimate rests on: of a recall, the positives alone."""
    return found.basis.trials if isinstance(found.basis, Binomial) else found.n


def _result(
    rule: Rule,
    verdict: Verdict,
    text: str,
    found: Measurement | None = None,
    interval: Interval | None = None,
    level: float | None = None,
) -> RuleResult:
    threshold = rule.min if rule.min is not None else rule.max
    return RuleResult(
        rule=rule.name,
        metric=rule.metric,
        slice=rule.slice,
        dataset=rule.dataset if found is None else found.dataset,
        severity=rule.severity,
        verdict=verdict,
        estimate=None if found is None else found.value,
        lower=None if interval is None else interval.lower,
        upper=None if interval is None else interval.upper,
        level=None if interval is None else level,
        n=None if found is None else _size(found),
        mde=None if found is None or threshold is None else mde(estimate_of(found), threshold),
        message=text,
    )
