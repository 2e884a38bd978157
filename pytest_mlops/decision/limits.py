"""Verdicts on an estimate against a minimum and a maximum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.finding import at_least, at_most
from pytest_mlops.stats.interval import Interval, bounds, needed_n
from pytest_mlops.verdict import Verdict, combine

if TYPE_CHECKING:
    from pytest_mlops.stats.estimate import Estimate

__all__ = ["LimitVerdict", "Limits", "settle"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitVerdict:
    """The verdict on an estimate against limits.

    Attributes:
        verdict: PASS, FAIL or UNDECIDED; INCOMPLETE without the value or the interval that decides.
        interval: The confidence bounds that decided; ``None`` where the value did.
        hint: What would decide, for UNDECIDED and INCOMPLETE; otherwise empty.
    """

    verdict: Verdict
    interval: Interval | None = None
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """A minimum and a maximum, at least one of them; inclusive and exact in decimal."""

    least: float | None
    most: float | None

    def __str__(self) -> str:
        parts = [f"at least {self.least:g}"] if self.least is not None else []
        parts += [f"at most {self.most:g}"] if self.most is not None else []
        return " and ".join(parts)

    def judge(self, estimate: Estimate, confidence: float | None, *, tests: int = 1) -> LimitVerdict:
        """Return the verdict on an estimate.

        Without ``confidence`` the value decides. With it, PASS requires that the one-sided confidence bound
        meets the limit and FAIL that the opposite bound misses it; otherwise the verdict is UNDECIDED.

        Args:
            estimate: The estimate.
            confidence: One-sided confidence level of the bounds; ``None`` decides by the value.
            tests: Number of tests of which one suffices to fail. FAIL then uses the level
                1 - (1 - ``confidence``)/``tests`` (Bonferroni, the first step of Holm's procedure).
        """
        if estimate.value is None:
            return LimitVerdict(verdict=Verdict.INCOMPLETE, hint=f"is undefined: {estimate.undefined}")
        if confidence is None:
            exact = Interval(lower=estimate.value, upper=estimate.value)
            return LimitVerdict(verdict=self._compare(exact, exact))
        interval = bounds(estimate, confidence)
        if interval is None:
            hint = (
                f"has no confidence interval at {confidence:g} with n = {estimate.n:,}; record the "
                "scores with mlops.score, or the predictions"
            )
            return LimitVerdict(verdict=Verdict.INCOMPLETE, hint=hint)
        wide = bounds(estimate, 1 - (1 - confidence) / tests) if tests > 1 else interval
        verdict = self._compare(interval, wide or Interval(lower=-math.inf, upper=math.inf))
        hint = self._what_decides(estimate, confidence) if verdict is Verdict.UNDECIDED else ""
        return LimitVerdict(verdict=verdict, interval=interval, hint=hint)

    def _compare(self, interval: Interval, far: Interval) -> Verdict:
        """Return PASS by the near bounds, FAIL by the bounds ``far``, which are at least as wide."""
        sides = []
        if self.least is not None:
            holds, fails = at_least(interval.lower, self.least), not at_least(far.upper, self.least)
            sides.append(settle(holds=holds, fails=fails))
        if self.most is not None:
            holds, fails = at_most(interval.upper, self.most), not at_most(far.lower, self.most)
            sides.append(settle(holds=holds, fails=fails))
        return combine(sides)

    def _what_decides(self, estimate: Estimate, confidence: float) -> str:
        limits = [limit for limit in (self.least, self.most) if limit is not None]
        needs = [needed_n(estimate, limit, confidence) for limit in limits]
        n = max((n for n in needs if n is not None), default=None)
        if n is None:
            return "the value equals the limit, so only another limit or another model would decide"
        return f"needs n ≈ {n:,}"


def settle(*, holds: bool, fails: bool) -> Verdict:
    """Return PASS if one bound meets the limit, FAIL if the opposite bound misses it, else UNDECIDED."""
    if holds:
        return Verdict.PASS
    return Verdict.FAIL if fails else Verdict.UNDECIDED
