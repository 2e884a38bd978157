"""Rules on the change against a baseline: a margin, and one family of evidence for a regression."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pytest_mlops.decision.delta_messages import (
    Side,
    allowed_change,
    describe_change,
    what_is_shown,
    what_would_decide,
)
from pytest_mlops.decision.finding import GateFinding, at_least
from pytest_mlops.names import metric_title
from pytest_mlops.records.integration import RuleResult
from pytest_mlops.stats.margin import margin_verdict
from pytest_mlops.stats.power import mde
from pytest_mlops.verdict import Context, Verdict, combine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pytest_mlops.records.comparison import Comparison, Delta
    from pytest_mlops.records.policy import BaselineSettings
    from pytest_mlops.records.rule import Rule

__all__ = ["comparison_findings", "evaluate_deltas"]

NEAR_ZERO = 1e-9
"""A baseline this near 0 gives no relative change."""


def evaluate_deltas(
    rules: Sequence[Rule],
    comparison: Comparison | None,
    settings: BaselineSettings,
    *,
    context: Context,
    today: date,
    min_n: int = 30,
) -> list[RuleResult]:
    """Evaluate every rule on a change; those that may block are one family, those that report another.

    PASS where the confidence bound keeps the margin. FAIL where it does not and Holm-adjusted evidence shows
    a regression, so that a run without any regression is failed with probability ``settings.alpha`` at most.
    UNDECIDED otherwise, and where fewer than ``min_n`` examples were paired. A change beyond what is allowed
    as a gain, or a demanded gain that is not there, is FAIL where the bounds show it.
    """
    found = [_find(rule, comparison) for rule in rules]
    sides = [
        [] if isinstance(delta, str) else _sides(rule, delta)
        for rule, delta in zip(rules, found, strict=True)
    ]
    adjusted = _adjusted(rules, sides)
    results = []
    for place, (rule, delta) in enumerate(zip(rules, found, strict=True)):
        if isinstance(delta, str):
            results.append(_without(rule, delta, comparison, settings, context=context, today=today))
        else:
            verdicts = [
                _judge_side(side, adjusted.get((place, number)), settings.alpha)
                for number, side in enumerate(sides[place])
            ]
            results.append(_decide(rule, delta, sides[place], verdicts, settings, min_n))
    return results


def comparison_findings(comparison: Comparison | None, rules: Sequence[RuleResult]) -> list[GateFinding]:
    """Return what a comparison that was refused means where no rule on a change says it already."""
    if comparison is None or comparison.status != "refused":
        return []
    if any(rule.severity == "block" and comparison.message in rule.message for rule in rules):
        return []
    return [GateFinding(verdict=Verdict.INCOMPLETE, text=comparison.message)]


def _adjusted(rules: Sequence[Rule], sides: Sequence[Sequence[Side]]) -> dict[tuple[int, int], float]:
    """Return (rule, side) -> p value adjusted within the rules of the same severity."""
    found: dict[tuple[int, int], float] = {}
    for severity in ("block", "report"):
        family = [
            ((place, number), side.p)
            for place, listed in enumerate(sides)
            for number, side in enumerate(listed)
            if side.regression and rules[place].severity == severity
        ]
        if not family:
            continue
        from pytest_mlops.stats.multiplicity import holm  # noqa: PLC0415 -- NumPy where rules compare only

        adjusted = holm([p for _, p in family]).tolist()
        found |= {key: p for (key, _), p in zip(family, adjusted, strict=True)}
    return found


def _find(rule: Rule, comparison: Comparison | None) -> Delta | str:
    """Return the change a rule is about, or why there is none."""
    if comparison is None or comparison.status != "compared":
        return comparison.message if comparison is not None else "there is no baseline yet (first run)"
    wanted = metric_title(rule.metric, rule.slice, rule.dataset)
    matches = [
        delta
        for delta in comparison.deltas
        if (delta.metric, delta.slice) == (rule.metric, rule.slice) and rule.dataset in {None, delta.dataset}
    ]
    if len(matches) != 1:
        return _which(wanted, matches, comparison)
    delta = matches[0]
    if delta.undefined is not None:
        return f"the change is undefined: {delta.undefined}"
    relative = rule.min_rel_delta is not None or rule.max_rel_delta is not None
    if relative and abs(delta.baseline or 0.0) < NEAR_ZERO:
        return (
            f"it was {delta.baseline:g} in the baseline, so there is no relative change; give an absolute one"
        )
    return delta


def _which(wanted: str, matches: Sequence[Delta], comparison: Comparison) -> str:
    """Say why not exactly one difference is meant."""
    if matches:
        names = ", ".join(sorted(str(delta.dataset) for delta in matches))
        return f"it was compared on the data sets {names}; name one with dataset:"
    near = get_close_matches(wanted, sorted({delta.title for delta in comparison.deltas}), n=1)
    hint = f"did you mean {near[0]}?" if near else "record predictions, or scores with ids, in both versions"
    return f"it was not compared; {hint}"


def _sides(rule: Rule, delta: Delta) -> list[Side]:
    # The record guarantees numbers where nothing says why there are none.
    lower, upper, base = (float(value or 0.0) for value in (delta.lower, delta.upper, delta.baseline))
    down, up = float(delta.p_decrease or 0.0), float(delta.p_increase or 0.0)
    least, most = allowed_change(rule, base)
    sides = []
    if least is not None:
        sides.append(
            Side(threshold=least, regression=not rule.lower_is_better, lower=lower, upper=upper, p=down)
        )
    if most is not None:
        turned = -most
        sides.append(
            Side(threshold=turned, regression=rule.lower_is_better, lower=-upper, upper=-lower, p=up)
        )
    return sides


def _judge_side(side: Side, p: float | None, alpha: float) -> Verdict:
    if at_least(side.lower, side.threshold):
        return Verdict.PASS
    if p is None or side.threshold > 0:
        # A gain too good to be true, or a gain that is demanded: the bounds alone decide.
        return Verdict.UNDECIDED if at_least(side.upper, side.threshold) else Verdict.FAIL
    return margin_verdict(side.lower, p, margin=-side.threshold, alpha_block=alpha)


def _decide(
    rule: Rule,
    delta: Delta,
    sides: list[Side],
    verdicts: list[Verdict],
    settings: BaselineSettings,
    min_n: int,
) -> RuleResult:
    verdict = combine(verdicts)
    text = describe_change(rule, delta)
    smallest = None if delta.variance is None or not delta.n else mde(delta.variance, delta.n)
    if delta.n < min_n:
        verdict = Verdict.UNDECIDED
        text += f"; {delta.n:,} examples decide nothing, min_n is {min_n:,}"
    elif verdict is Verdict.UNDECIDED and not rule.critical:
        verdict = Verdict.PASS
        text += what_would_decide(delta, sides, smallest) + "; not critical, so this passes"
    elif verdict is Verdict.UNDECIDED:
        text += what_would_decide(delta, sides, smallest)
    elif verdict is Verdict.FAIL:
        text += what_is_shown(sides, verdicts)
    elif (delta.lower or 0.0) * (delta.upper or 0.0) > 0:
        direction = "down" if (delta.upper or 0.0) < 0 else "up"
        text += f"; it went {direction} for certain, but stays within what is allowed"
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
        message=f"{metric_title(rule.metric, rule.slice, rule.dataset)}: {why}",
    )
