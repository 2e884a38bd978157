"""What a rule on a change found, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.finding import at_least
from pytest_mlops.stats.power import needed_n
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.records.comparison import Delta
    from pytest_mlops.records.rule import Rule

__all__ = ["Side", "allowed_change", "describe_change", "what_is_shown", "what_would_decide"]

UNDERPOWERED = 3.0
"""An MDE of this many margins means that the data could hardly have decided."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One bound on the change, turned so that a greater change is the allowed direction."""

    threshold: float
    """Least turned change that holds."""
    regression: bool
    """Whether this side guards against a loss; the other one guards against a gain too good to be true."""
    lower: float
    upper: float
    p: float
    """P value of no loss, to be adjusted for the family."""


def what_is_shown(sides: list[Side], verdicts: list[Verdict]) -> str:
    """Say what a FAIL rests on."""
    failed = [side for side, verdict in zip(sides, verdicts, strict=True) if verdict is Verdict.FAIL]
    if any(side.regression for side in failed):
        return "; the regression is no accident"
    return "; a gain too good to be true: look for a leak" if failed[0].threshold <= 0 else ""


def allowed_change(rule: Rule, baseline: float) -> tuple[float | None, float | None]:
    """Return the least and the greatest change that a rule allows, of a metric with this baseline."""
    least = [rule.min_delta, None if rule.min_rel_delta is None else rule.min_rel_delta * abs(baseline)]
    most = [rule.max_delta, None if rule.max_rel_delta is None else rule.max_rel_delta * abs(baseline)]
    return (
        max((bound for bound in least if bound is not None), default=None),
        min((bound for bound in most if bound is not None), default=None),
    )


def describe_change(rule: Rule, delta: Delta) -> str:
    """Say what changed, and what a rule demands of it."""
    wanted = []
    if rule.min_delta is not None:
        wanted.append(f"change by at least {rule.min_delta:+g}")
    if rule.min_rel_delta is not None:
        wanted.append(f"change by at least {rule.min_rel_delta:+.4g} of the baseline")
    if rule.max_delta is not None:
        wanted.append(f"change by at most {rule.max_delta:+g}")
    if rule.max_rel_delta is not None:
        wanted.append(f"change by at most {rule.max_rel_delta:+.4g} of the baseline")
    return (
        f"{delta.title} went from {delta.baseline:.4g} to {delta.candidate:.4g} "
        f"({delta.delta:+.4g}), must {' and '.join(wanted)}"
    )


def what_would_decide(delta: Delta, sides: list[Side], smallest: float | None) -> str:
    """Say which n, or which margin, would make it PASS if nothing else changed."""
    open_sides = [side for side in sides if not at_least(side.lower, side.threshold)]
    side = open_sides[0]
    margin = f"a margin of {_rounded_up(max(0.0, -side.lower)):g}"
    if side.threshold >= 0 or delta.variance is None or smallest is None:
        return f"; would pass with {margin}" if side.threshold <= 0 and side.lower < 0 else ""
    label = "; underpowered" if smallest > UNDERPOWERED * -side.threshold else ""
    # The variance of models that never differed is not known to be 0.
    n = needed_n(max(delta.variance, 1 / delta.n), -side.threshold)
    needs = f"n ≈ {n:,}, or " if n is not None and n > delta.n else ""
    return f"{label}; needs {needs}{margin}"


def _rounded_up(value: float) -> float:
    """Return ``value`` with two significant digits, not below it."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit - 1e-9) * unit
