"""Rules on the change against a baseline: a margin, and one family of evidence for a regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.finding import at_least
from pytest_mlops.names import measure_name
from pytest_mlops.records.integration import RuleResult
from pytest_mlops.stats.margin import margin_verdict
from pytest_mlops.stats.multiplicity import holm
from pytest_mlops.stats.power import mde, needed_n
from pytest_mlops.verdict import Context, Verdict, combine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pytest_mlops.records.comparison import Comparison, Delta
    from pytest_mlops.records.policy import BaselineSettings, Rule

__all__ = ["evaluate_deltas", "lower_is_better"]

LOWER_IS_BETTER = ("mae", "mse", "rmse", "log_loss", "brier", "latency", "error", "loss")
"""Beginnings or ends of the names of metrics that are better the lower."""

NEAR_ZERO = 1e-9
"""A baseline this near 0 gives no relative change."""

UNDERPOWERED = 3.0
"""An MDE of this many margins means that the data could hardly have decided."""


def lower_is_better(metric: str) -> bool:
    """Tell whether less of a metric is better, from the field's names for errors, losses and times."""
    return metric.startswith(LOWER_IS_BETTER) or metric.endswith(("_error", "_loss", "_ms"))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    """One bound on the change, turned so that a higher change is better or at least allowed."""

    threshold: float
    """Least turned change that holds."""
    regression: bool
    """Whether this side guards against a loss; the other one guards against a gain too good to be true."""
    lower: float
    upper: float
    p: float
    """P value of no loss, to be adjusted for the family."""


def evaluate_deltas(
    rules: Sequence[Rule],
    comparison: Comparison | None,
    settings: BaselineSettings,
    *,
    context: Context,
    today: date,
) -> list[RuleResult]:
    """Evaluate every rule on a change, as one family.

    PASS where the confidence bound keeps the margin. FAIL where it does not and Holm-adjusted evidence shows
    a regression, so that a run without any regression is failed with probability ``settings.alpha`` at most.
    UNDECIDED otherwise.
    """
    found = [_find(rule, comparison) for rule in rules]
    sides = [
        [] if isinstance(delta, str) else _sides(rule, delta)
        for rule, delta in zip(rules, found, strict=True)
    ]
    adjusted = iter(holm([side.p for listed in sides for side in listed if side.regression]).tolist())
    results = []
    for rule, delta, listed in zip(rules, found, sides, strict=True):
        p_values = [next(adjusted) if side.regression else None for side in listed]
        if isinstance(delta, str):
            results.append(_without(rule, delta, comparison, settings, context=context, today=today))
        else:
            results.append(_decide(rule, delta, listed, p_values, settings))
    return results


def _find(rule: Rule, comparison: Comparison | None) -> Delta | str:
    """Return the change a rule is about, or why there is none."""
    if comparison is None or comparison.status != "compared":
        return comparison.message if comparison is not None else "there is no baseline yet (first run)"
    wanted = measure_name(rule.metric, rule.slice, rule.dataset)
    matches = [
        delta
        for delta in comparison.deltas
        if (delta.metric, delta.slice) == (rule.metric, rule.slice) and rule.dataset in {None, delta.dataset}
    ]
    if len(matches) > 1:
        names = ", ".join(sorted(str(delta.dataset) for delta in matches))
        return f"{wanted} was compared on the data sets {names}; name one with dataset:"
    if not matches:
        return f"{wanted} was not compared; record predictions of it in both versions"
    delta = matches[0]
    if delta.undefined is not None:
        return f"the change of {delta.title} is undefined: {delta.undefined}"
    if rule.min_rel_delta is not None and abs(delta.baseline or 0.0) < NEAR_ZERO:
        return f"{delta.title} was {delta.baseline:g} in the baseline, so there is no relative change"
    return delta


def _sides(rule: Rule, delta: Delta) -> list[_Side]:
    lower, upper = delta.lower or 0.0, delta.upper or 0.0
    down = 1.0 if delta.p_decrease is None else delta.p_decrease
    up = 1.0 if delta.p_increase is None else delta.p_increase
    worse_up = lower_is_better(rule.metric)
    least = rule.min_delta
    if rule.min_rel_delta is not None:
        relative = rule.min_rel_delta * abs(delta.baseline or 0.0)
        least = relative if least is None else max(least, relative)
    sides = []
    if least is not None:
        sides.append(_Side(threshold=least, regression=not worse_up, lower=lower, upper=upper, p=down))
    if rule.max_delta is not None:
        most = -rule.max_delta
        sides.append(_Side(threshold=most, regression=worse_up, lower=-upper, upper=-lower, p=up))
    return sides


def _judge_side(side: _Side, p: float | None, alpha: float, *, critical: bool) -> Verdict:
    if p is None or side.threshold > 0:
        # A gain too good to be true, or a gain that is demanded: the bounds alone decide.
        if at_least(side.lower, side.threshold):
            return Verdict.PASS
        return Verdict.FAIL if not at_least(side.upper, side.threshold) else Verdict.UNDECIDED
    verdict = margin_verdict(side.lower, p, margin=-side.threshold, alpha_block=alpha)
    if verdict is Verdict.UNDECIDED and not critical:
        return Verdict.PASS
    return verdict


def _decide(
    rule: Rule, delta: Delta, sides: list[_Side], p_values: list[float | None], settings: BaselineSettings
) -> RuleResult:
    verdict = combine(
        _judge_side(side, p, settings.alpha, critical=rule.critical)
        for side, p in zip(sides, p_values, strict=True)
    )
    text = _describe(rule, delta)
    smallest = None if delta.variance is None or not delta.n else mde(delta.variance, delta.n)
    if verdict is Verdict.UNDECIDED:
        text += _what_would_decide(delta, sides, smallest)
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


def _describe(rule: Rule, delta: Delta) -> str:
    wanted = []
    if rule.min_delta is not None:
        wanted.append(f"change by at least {rule.min_delta:+g}")
    if rule.min_rel_delta is not None:
        wanted.append(f"change by at least {rule.min_rel_delta:+.4g} of the baseline")
    if rule.max_delta is not None:
        wanted.append(f"change by at most {rule.max_delta:+g}")
    return (
        f"{delta.title} went from {delta.baseline:.4g} to {delta.candidate:.4g} "
        f"({delta.delta:+.4g}), must {' and '.join(wanted)}"
    )


def _what_would_decide(delta: Delta, sides: list[_Side], smallest: float | None) -> str:
    """Say which n, or which margin, would make it PASS if nothing else changed."""
    if delta.variance is None or smallest is None:
        return ""
    margins = [-side.threshold for side in sides if side.threshold < 0]
    enough = [-side.lower for side in sides if side.lower < side.threshold]
    if not margins or not enough:
        return ""
    n = needed_n(delta.variance, min(margins))
    label = "; underpowered" if smallest > UNDERPOWERED * min(margins) else ""
    needs = f"n ≈ {n:,}, or " if n is not None else ""
    return f"{label}; needs {needs}a margin of {max(enough):.2g}"


def _without(
    rule: Rule,
    why: str,
    comparison: Comparison | None,
    settings: BaselineSettings,
    *,
    context: Context,
    today: date,
) -> RuleResult:
    """Judge a rule that has no change to judge."""
    verdict = Verdict.INCOMPLETE
    if comparison is None or comparison.status == "first_run":
        until = settings.first_run_until
        if context is not Context.RELEASE:
            verdict = Verdict.UNDECIDED
        elif until is not None and today <= until:
            verdict, why = Verdict.PASS, f"{why}, which is allowed until {until}"
        else:
            why = f"{why}; a release needs one, or baseline.first_run_until"
    return RuleResult(
        rule=rule.name,
        metric=rule.metric,
        slice=rule.slice,
        dataset=rule.dataset,
        severity=rule.severity,
        verdict=verdict,
        message=f"{rule.name}: {why}",
    )
