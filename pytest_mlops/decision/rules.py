"""Rules on recorded metrics, decided by the value or by its confidence bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.decision.estimates import estimate_of
from pytest_mlops.decision.limits import Limits
from pytest_mlops.records.integration import RuleResult
from pytest_mlops.records.measurement import Binomial, Measurement
from pytest_mlops.stats.interval import bounds, mde
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.decision.lookup import Measurements
    from pytest_mlops.records.rule import Rule
    from pytest_mlops.stats.interval import Interval

__all__ = ["evaluate_rule"]

DISPLAY_LEVEL = 0.95
"""Two-sided confidence of the interval that is reported when the value decides."""


def evaluate_rule(rule: Rule, measurements: Measurements) -> RuleResult:
    """Evaluate one rule on a value, as :meth:`~pytest_mlops.decision.limits.Limits.judge` does.

    A rule whose metric was not recorded, or is undefined, is INCOMPLETE. A latency measured with other
    workers running is UNDECIDED.
    """
    found = measurements.find(rule.metric, rule.slice, rule.dataset)
    if not isinstance(found, Measurement):
        return _result(rule, Verdict.INCOMPLETE, found)
    if found.value is None:
        return _result(rule, Verdict.INCOMPLETE, f"{found.title} is undefined: {found.undefined}", found)
    estimate, limits = estimate_of(found), Limits(least=rule.min, most=rule.max)
    judged = limits.judge(estimate, rule.confidence)
    verdict, hint = judged.verdict, judged.hint
    if found.contended and verdict is not Verdict.INCOMPLETE:
        verdict = Verdict.UNDECIDED
        hint = "a time measured with other workers running decides nothing; run without -n"
    text = f"{found.title} = {found.value:.4g}, must be {limits}" + (f"; {hint}" if hint else "")
    if rule.confidence is not None:
        return _result(rule, verdict, text, found, judged.interval, rule.confidence)
    # The one-sided level whose two bounds form the two-sided interval.
    shown = bounds(estimate, (1 + DISPLAY_LEVEL) / 2)
    return _result(rule, verdict, text, found, shown, DISPLAY_LEVEL)


def _size(found: Measurement) -> int | None:
    """Return the sample size of an estimate; for a recall, the number of positives."""
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
