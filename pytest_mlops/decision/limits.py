"""Limits: a least and a greatest value, and what an interval says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.finding import at_least, at_most
from pytest_mlops.stats.interval import Interval, needed_n
from pytest_mlops.verdict import Verdict, combine

if TYPE_CHECKING:
    from pytest_mlops.stats.estimate import Estimate

__all__ = ["Limits", "settle"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The least and the greatest value that hold, inclusive and exact in decimal; at least one of the two."""

    least: float | None
    most: float | None

    def __str__(self) -> str:
        words = [f"at least {self.least:g}"] if self.least is not None else []
        words += [f"at most {self.most:g}"] if self.most is not None else []
        return " and ".join(words)

    def judge(self, interval: Interval, widest: Interval | None = None) -> Verdict:
        """Return PASS where the bounds keep the limits, FAIL where one is missed, UNDECIDED between.

        Args:
            interval: The confidence bounds; for a value known exactly, both ends are the value.
            widest: The bounds that FAIL is decided by, where a family of tests asks for wider ones.
        """
        far = interval if widest is None else widest
        sides = []
        if self.least is not None:
            holds, fails = at_least(interval.lower, self.least), not at_least(far.upper, self.least)
            sides.append(settle(holds=holds, fails=fails))
        if self.most is not None:
            holds, fails = at_most(interval.upper, self.most), not at_most(far.lower, self.most)
            sides.append(settle(holds=holds, fails=fails))
        return combine(sides)

    def needed_n(self, estimate: Estimate, confidence: float) -> int | None:
        """Return the n at which bounds would decide, were the estimate to stay; ``None`` where none would."""
        limits = [limit for limit in (self.least, self.most) if limit is not None]
        needs = [needed_n(estimate, limit, confidence) for limit in limits]
        return max((n for n in needs if n is not None), default=None)


def settle(*, holds: bool, fails: bool) -> Verdict:
    """Return PASS where one bound holds, FAIL where the opposite one fails, UNDECIDED between."""
    if holds:
        return Verdict.PASS
    return Verdict.FAIL if fails else Verdict.UNDECIDED
