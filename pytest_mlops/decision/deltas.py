"""Rules on the change against the baseline."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pytest_mlops.decision.finding import at_least
from pytest_mlops.decision.margins import adjusted_p_values, limits_of
from pytest_mlops.names import metric_title
from pytest_mlops.records.integration import RuleResult
from pytest_mlops.records.rule import SHARES
from pytest_mlops.stats.power import mde, needed_n
from pytest_mlops.verdict import Context, Verdict, combine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pytest_mlops.decision.margins import ChangeLimit
    from pytest_mlops.records.comparison import Comparison, Delta
    from pytest_mlops.records.policy import BaselineSettings
    from pytest_mlops.records.rule import Rule

__all__ = ["evaluate_deltas"]

UNDERPOWERED = 3.0
"""Ratio of MDE to margin above which a comparison is reported as underpowered."""

NEAR_ZERO = 1e-9
"""Absolute value of a baseline below which a relative change is undefined."""


def evaluate_deltas(
    rules: Sequence[Rule],
    comparison: Comparison | None,
    settings: BaselineSettings,
    *,
    context: Context,
    today: date,
    min_n: int = 30,
) -> list[RuleResult]:
    """Evaluate all rules on changes; blocking rules form one family of tests, reporting rules another.

    PASS if the confidence bound meets the margin. FAIL if it does not and the Holm-adjusted p value shows a
    regression, so that a run without any regression fails with probability at most ``settings.alpha``.
    Otherwise UNDECIDED, also with fewer than ``min_n`` paired examples. A gain above its limit, or a required
    gain that is missing, is FAIL if the bounds show it.

    Args:
        rules: The rules on changes.
        comparison: The comparison with the baseline; ``None`` if there is none.
        settings: Confidence, alpha, and the policy for a first run.
        context: Where the gate runs.
        today: The day of the run.
        min_n: Minimum number of paired examples.
    """
    found = [_find(rule, comparison) for rule in rules]
    limits = [
        [] if isinstance(delta, str) else limits_of(rule, delta)
        for rule, delta in zip(rules, found, strict=True)
    ]
    adjusted = adjusted_p_values(rules, limits)
    results = []
    for index, (rule, delta) in enumerate(zip(rules, found, strict=True)):
        if isinstance(delta, str):
            results.append(_without(rule, delta, comparison, settings, context=context, today=today))
        else:
            verdicts = [
                limit.judge(adjusted.get((index, number)), settings.alpha)
                for number, limit in enumerate(limits[index])
            ]
            results.append(_decide(rule, delta, limits[index], verdicts, settings, min_n))
    return results


def _find(rule: Rule, comparison: Comparison | None) -> Delta | str:
    """Return the change that a rule bounds, or the reason why there is none."""
    if comparison is None or comparison.status != "compared":
        return comparison.message if comparison is not None else "there is no baseline yet (first run)"
    title = metric_title(rule.metric, rule.slice, rule.dataset)
    matches = [
        delta
        for delta in comparison.deltas
        if (delta.metric, delta.slice) == (rule.metric, rule.slice) and rule.dataset in {None, delta.dataset}
    ]
    if len(matches) != 1:
        return _which(title, matches, comparison)
    delta = matches[0]
    if delta.undefined is not None:
        return f"the change is undefined: {delta.undefined}"
    relative = rule.min_rel_delta is not None or rule.max_rel_delta is not None
    if relative and abs(delta.baseline or 0.0) < NEAR_ZERO:
        return (
            f"it was {delta.baseline:g} in the baseline, so the relative change is undefined; use min_delta "
            "or max_delta"
        )
    return delta


def _which(title: str, matches: Sequence[Delta], comparison: Comparison) -> str:
    """Return why the rule does not match exactly one change."""
    if matches:
        names = ", ".join(sorted(str(delta.dataset) for delta in matches))
        return f"it was compared on the data sets {names}; choose one with dataset:"
    near = get_close_matches(title, sorted({delta.title for delta in comparison.deltas}), n=1)
    hint = f"did you mean {near[0]}?" if near else "record predictions, or scores with ids, in both versions"
    return f"it was not compared; {hint}"


def _decide(
    rule: Rule,
    delta: Delta,
    limits: list[ChangeLimit],
    verdicts: list[Verdict],
    settings: BaselineSettings,
    min_n: int,
) -> RuleResult:
    verdict = combine(verdicts)
    text = _describe_change(rule, delta)
    smallest = None if delta.variance is None or not delta.n else mde(delta.variance, delta.n)
    if delta.n < min_n:
        verdict = Verdict.UNDECIDED
        text += f"; {delta.n:,} examples are too few, min_n is {min_n:,}"
    elif verdict is Verdict.UNDECIDED and not rule.critical:
        verdict = Verdict.PASS
        text += _describe_need(delta, limits, smallest) + "; not critical, so this passes"
    elif verdict is Verdict.UNDECIDED:
        text += _describe_need(delta, limits, smallest)
    elif verdict is Verdict.FAIL:
        text += _describe_failure(limits, verdicts)
    elif (delta.lower or 0.0) * (delta.upper or 0.0) > 0:
        direction = "down" if (delta.upper or 0.0) < 0 else "up"
        text += f"; it went {direction} significantly, but stays within the margin"
    if verdict is Verdict.PASS and (missing := _describe_removed(delta, limits)):
        verdict = Verdict.UNDECIDED
        text += missing
    return RuleResult(
        rule=rule.name,
        metric=rule.metric,
        slice=rule.slice,
        dataset=delta.dataset,
        severity=rule.severity,
        verdict=verdict,
        estimate=delta.delta,
        lower=delta.lower,
        upper=delta.upper,
        level=settings.confidence,
        n=delta.n,
        mde=smallest,
        message=text,
    )


def _without(
    rule: Rule,
    why: str,
    comparison: Comparison | None,
    settings: BaselineSettings,
    *,
    context: Context,
    today: date,
) -> RuleResult:
    """Return the result of a rule without a measured change."""
    verdict = Verdict.INCOMPLETE
    if comparison is None or comparison.status == "first_run":
        until = settings.first_run_until
        if context is not Context.RELEASE:
            verdict = Verdict.UNDECIDED
        elif until is not None and today <= until:
            verdict, why = Verdict.PASS, f"{why}, which is allowed until {until}"
        else:
            why = f"{why}; a release requires a baseline, or baseline.first_run_until"
    return RuleResult(
        rule=rule.name,
        metric=rule.metric,
        slice=rule.slice,
        dataset=rule.dataset,
        severity=rule.severity,
        verdict=verdict,
        message=f"{metric_title(rule.metric, rule.slice, rule.dataset)}: {why}",
    )


def _describe_removed(delta: Delta, limits: list[ChangeLimit]) -> str:
    """Return why examples that only the baseline has keep a rule from passing; empty if they do not.

    At its worst the candidate is wrong on each of them, which moves a share by as much as their share. The
    margin of a metric in another unit is taken relative to the baseline where that is smaller.
    """
    margins = [max(0.0, -limit.threshold) for limit in limits if limit.regression]
    if not delta.removed or not margins:
        return ""
    margin, base = min(margins), abs(delta.baseline or 0.0)
    if delta.metric not in SHARES and base > 1:
        margin /= base
    if delta.removed_share <= margin:
        return ""
    return (
        f"; {delta.removed:,} examples of the baseline ({delta.removed_share:.3g} of them) are not in this"
        f" run, and at their worst they exceed the margin of {margin:.3g}: record them too, or measure the"
        " baseline on the examples of this run"
    )


def _describe_change(rule: Rule, delta: Delta) -> str:
    """Return the change and the limits of a rule as text."""
    limits = []
    if rule.min_delta is not None:
        limits.append(f"change by at least {rule.min_delta:+g}")
    if rule.min_rel_delta is not None:
        limits.append(f"change by at least {rule.min_rel_delta:+.4g} of the baseline")
    if rule.max_delta is not None:
        limits.append(f"change by at most {rule.max_delta:+g}")
    if rule.max_rel_delta is not None:
        limits.append(f"change by at most {rule.max_rel_delta:+.4g} of the baseline")
    return (
        f"{delta.title} went from {delta.baseline:.4g} to {delta.candidate:.4g} "
        f"({delta.delta:+.4g}), must {' and '.join(limits)}"
    )


def _describe_failure(limits: list[ChangeLimit], verdicts: list[Verdict]) -> str:
    """Return the reason of a FAIL as text."""
    failed = [limit for limit, verdict in zip(limits, verdicts, strict=True) if verdict is Verdict.FAIL]
    if any(limit.regression for limit in failed):
        return "; the regression is significant"
    return "; the gain is implausibly large: check for leakage" if failed[0].threshold <= 0 else ""


def _describe_need(delta: Delta, limits: list[ChangeLimit], smallest: float | None) -> str:
    """Return which n or which margin would result in PASS if nothing else changed."""
    limit = next(limit for limit in limits if not at_least(limit.lower, limit.threshold))
    margin = f"a margin of {_rounded_up(max(0.0, -limit.lower)):g}"
    if limit.threshold >= 0 or delta.variance is None or smallest is None:
        return f"; would pass with {margin}" if limit.threshold <= 0 and limit.lower < 0 else ""
    label = "; underpowered" if smallest > UNDERPOWERED * -limit.threshold else ""
    # Two models that never differed may differ on other examples, so the variance is not taken as 0.
    n = needed_n(max(delta.variance, 1 / delta.n), -limit.threshold)
    needs = f"n ≈ {n:,}, or " if n is not None and n > delta.n else ""
    return f"{label}; needs {needs}{margin}"


def _rounded_up(value: float) -> float:
    """Return ``value`` rounded up to two significant digits."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit - 1e-9) * unit
