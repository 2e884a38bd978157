"""Limits on a change, and the verdict on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.finding import at_least
from pytest_mlops.stats.margin import margin_verdict
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.comparison import Delta
    from pytest_mlops.records.rule import Rule

__all__ = ["ChangeLimit", "adjusted_p_values", "allowed_change", "limits_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeLimit:
    """One limit of a rule on a change, with signs such that the change must be at least the threshold."""

    threshold: float
    """Minimum change; negative for an allowed loss."""
    regression: bool
    """Whether the limit guards against a loss rather than against an implausible gain."""
    lower: float
    """One-sided lower bound of the change."""
    upper: float
    """One-sided upper bound of the change."""
    p: float
    """P value of H0: no loss, not yet adjusted for the family."""

    def judge(self, p: float | None, alpha: float) -> Verdict:
        """Return the verdict on this limit; ``p`` is its adjusted p value, ``None`` outside a family."""
        if at_least(self.lower, self.threshold):
            return Verdict.PASS
        if p is None or self.threshold > 0:
            # For an implausible gain and for a required gain the bounds alone decide.
            return Verdict.UNDECIDED if at_least(self.upper, self.threshold) else Verdict.FAIL
        return margin_verdict(self.lower, p, margin=-self.threshold, alpha_block=alpha)


def allowed_change(rule: Rule, baseline: float) -> tuple[float | None, float | None]:
    """Return the minimum and the maximum change that a rule allows; ``None`` without a limit."""
    least = [rule.min_delta, None if rule.min_rel_delta is None else rule.min_rel_delta * abs(baseline)]
    most = [rule.max_delta, None if rule.max_rel_delta is None else rule.max_rel_delta * abs(baseline)]
    return (
        max((bound for bound in least if bound is not None), default=None),
        min((bound for bound in most if bound is not None), default=None),
    )


def limits_of(rule: Rule, delta: Delta) -> list[ChangeLimit]:
    """Return the limits of a rule on a measured change, one or two."""
    # A change that is not undefined has all its numbers.
    lower, upper, base = (float(value or 0.0) for value in (delta.lower, delta.upper, delta.baseline))
    down, up = float(delta.p_decrease or 0.0), float(delta.p_increase or 0.0)
    least, most = allowed_change(rule, base)
    limits = []
    if least is not None:
        loss = not rule.lower_is_better
        limits.append(ChangeLimit(threshold=least, regression=loss, lower=lower, upper=upper, p=down))
    if most is not None:
        loss = rule.lower_is_better
        limits.append(ChangeLimit(threshold=-most, regression=loss, lower=-upper, upper=-lower, p=up))
    return limits


def adjusted_p_values(
    rules: Sequence[Rule], limits: Sequence[Sequence[ChangeLimit]]
) -> dict[tuple[int, int], float]:
    """Return (rule, limit) -> p value adjusted within the rules of the same severity."""
    found: dict[tuple[int, int], float] = {}
    for severity in ("block", "report"):
        family = [
            ((index, number), limit.p)
            for index, listed in enumerate(limits)
            for number, limit in enumerate(listed)
            if limit.regression and rules[index].severity == severity
        ]
        if not family:
            continue
        from pytest_mlops.stats.multiplicity import holm  # noqa: PLC0415 -- NumPy where rules compare only

        adjusted = holm([p for _, p in family]).tolist()
        found |= {key: p for (key, _), p in zip(family, adjusted, strict=True)}
    return found
