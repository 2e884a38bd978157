"""Rules: a bound on a recorded number, decided by the estimate or by its confidence bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.decision.estimates import estimate_of
from pytest_mlops.decision.limits import Limits
from pytest_mlops.records.integration import RuleResult
from pytest_mlops.records.measurement import Binomial, Measurement
from pytest_mlops.stats.interval import Interval, bounds, mde
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.decision.lookup import Measurements
    from pytest_mlops.records.rule import Rule

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
    limits = Limits(least=rule.min, most=rule.max)
    if rule.confidence is None:
        # The one-sided level whose two bounds make the two-sided display interval.
        interval = bounds(estimate_of(found), (1 + DISPLAY_LEVEL) / 2)
        verdict = limits.judge(Interval(lower=found.value, upper=found.value))
        outcome, level = "", DISPLAY_LEVEL
    else:
        interval = bounds(estimate_of(found), rule.confidence)
        verdict, outcome = _by_bound(limits, found, interval, rule.confidence)
        level = rule.confidence
    if found.contended and verdict is not Verdict.INCOMPLETE:
        verdict = Verdict.UNDECIDED
        outcome = "; a time measured beside other workers decides nothing. Run without -n"
    text = f"{found.title} = {found.value:.4g}, must be {limits}{outcome}"
    return _result(rule, verdict, text, found, interval, level)


def _by_bound(
    limits: Limits, found: Measurement, interval: Interval | None, confidence: float
) -> tuple[Verdict, str]:
    if interval is None:
        mend = "Record n and stderr with it, or the predictions themselves"
        return Verdict.INCOMPLETE, f"; no interval at {confidence:g} is known for it. {mend}"
    verdict = limits.judge(interval)
    if verdict is not Verdict.UNDECIDED:
        return verdict, ""
    needed = limits.needed_n(estimate_of(found), confidence)
    if needed is None:
        hint = "the estimate stands at the threshold, so only another threshold or another model would decide"
        return verdict, f"; {hint}"
    return verdict, f"; needs n ≈ {needed:,}"


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
