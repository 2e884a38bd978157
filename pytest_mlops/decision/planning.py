"""Power analysis of rules: the minimum detectable effect and the sample size that a margin needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.estimates import estimate_of
from pytest_mlops.decision.lookup import Measurements
from pytest_mlops.decision.margins import allowed_change
from pytest_mlops.records.measurement import Binomial, Measurement, Normal
from pytest_mlops.stats.interval import mde as value_mde
from pytest_mlops.stats.interval import needed_n as value_needed_n
from pytest_mlops.stats.power import mde, needed_n

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.rule import Rule

__all__ = ["MARGINS", "RulePlan", "plan_rules"]

MARGINS = (0.005, 0.01, 0.02)


@dataclass(frozen=True, kw_only=True, slots=True)
class RulePlan:
    """Power analysis of one rule on the recorded data.

    Attributes:
        rule: Name of the rule.
        n: Recorded sample size; ``None`` if nothing was recorded.
        mde: Smallest change, or shortfall, that is detected with 80 % power at the 5 % level.
        needed: n with 80 % power to pass without a change, for the margin of the rule; ``None`` if it has no
            margin or no n suffices.
        by_margin: The same for other margins, in the given order.
        basis: Source of the variance: ``paired``, ``unpaired`` without a comparison with a baseline, or
            ``threshold`` for a rule on the value.
        why: Why there is no plan.
    """

    rule: str
    n: int | None = None
    mde: float | None = None
    needed: int | None = None
    by_margin: tuple[int | None, ...] = ()
    basis: str = ""
    why: str = ""


def plan_rules(record: IntegrationResult, margins: Sequence[float] = MARGINS) -> tuple[RulePlan, ...]:
    """Return the power analysis of every rule of a record.

    A rule on a change uses the variance of the paired differences. Without a baseline this is unknown, and
    the variance of two independent samples is used, which pairing can only reduce.

    Args:
        record: The record.
        margins: Margins for which rules on changes are planned.
    """
    index = Measurements(record.measurements)
    return tuple(
        _plan_change(rule, record, index, margins) if rule.compares else _plan_value(rule, index)
        for rule in record.policy.rules
    )


def _plan_value(rule: Rule, index: Measurements) -> RulePlan:
    found = index.find(rule.metric, rule.slice, rule.dataset)
    threshold = rule.min if rule.min is not None else rule.max
    if not isinstance(found, Measurement) or found.value is None or threshold is None:
        return RulePlan(rule=rule.name, why=found if isinstance(found, str) else "undefined on these data")
    estimate = estimate_of(found)
    return RulePlan(
        rule=rule.name,
        n=estimate.trials if estimate.trials is not None else found.n,
        mde=value_mde(estimate, threshold),
        needed=value_needed_n(estimate, threshold, rule.confidence or 0.95),
        basis="threshold",
    )


def _plan_change(
    rule: Rule, record: IntegrationResult, index: Measurements, margins: Sequence[float]
) -> RulePlan:
    found = _paired(rule, record) or _unpaired(rule, index)
    if found is None:
        return RulePlan(rule=rule.name, why="no metric with a known variance was recorded for it")
    variance, n, basis = found
    least, most = allowed_change(rule, _baseline(rule, record, index))
    # A limit on an implausible gain needs no power to be met.
    loss = most if rule.lower_is_better else None if least is None else -least
    own = [loss] if loss is not None and loss > 0 else []
    return RulePlan(
        rule=rule.name,
        n=n,
        mde=mde(variance, n),
        needed=needed_n(variance, min(own)) if own else None,
        by_margin=tuple(needed_n(variance, margin) for margin in margins),
        basis=basis,
    )


def _baseline(rule: Rule, record: IntegrationResult, index: Measurements) -> float:
    """Return the reference of a relative change: the baseline's value, else the candidate's."""
    for delta in record.comparison.deltas if record.comparison is not None else ():
        same = (delta.metric, delta.slice) == (rule.metric, rule.slice)
        if same and rule.dataset in {None, delta.dataset} and delta.baseline is not None:
            return delta.baseline
    found = index.find(rule.metric, rule.slice, rule.dataset)
    return (found.value or 0.0) if isinstance(found, Measurement) else 0.0


def _paired(rule: Rule, record: IntegrationResult) -> tuple[float, int, str] | None:
    for delta in record.comparison.deltas if record.comparison is not None else ():
        same = (delta.metric, delta.slice) == (rule.metric, rule.slice)
        if same and rule.dataset in {None, delta.dataset} and delta.variance is not None and delta.n:
            # Two models that never differed are treated as differing on one example.
            return max(delta.variance, 1 / delta.n), delta.n, "paired"
    return None


def _unpaired(rule: Rule, index: Measurements) -> tuple[float, int, str] | None:
    found = index.find(rule.metric, rule.slice, rule.dataset)
    if not isinstance(found, Measurement):
        return None
    if isinstance(found.basis, Binomial):
        share = found.basis.successes / found.basis.trials
        return 2 * max(share * (1 - share), 1 / found.basis.trials), found.basis.trials, "unpaired"
    if isinstance(found.basis, Normal) and found.n:
        return 2 * found.basis.stderr**2 * found.n, found.n, "unpaired"
    return None
