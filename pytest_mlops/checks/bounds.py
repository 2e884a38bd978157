"""Holding an estimate against bounds, by its value or by its confidence bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_mlops.decision.finding import at_least, at_most
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.stats.interval import Interval, bounds, needed_n
from pytest_mlops.verdict import Verdict, combine

if TYPE_CHECKING:
    from pytest_mlops.stats.estimate import Estimate

__all__ = ["judge_bound", "settle"]


def judge_bound(
    what: str,
    estimate: Estimate,
    *,
    least: float | None = None,
    most: float | None = None,
    confidence: float | None = None,
    tests: int = 1,
) -> tuple[Verdict, str]:
    """Return the verdict on an estimate, and its sentence.

    Without ``confidence`` the value decides, inclusively and in decimal. With it, PASS needs the one-sided
    bound to keep the limit, FAIL needs the opposite bound to miss it, and between them it is UNDECIDED.
    Where one of several ``tests`` is enough to FAIL, each may err with a share of 1 - ``confidence`` only,
    which is Bonferroni's bound and the first step of Holm's.

    Raises:
        IncompleteEvidence: the value is undefined, or no interval is known for it.
    """
    if estimate.value is None:
        raise IncompleteEvidence(f"{what} is undefined: {estimate.undefined}")
    limits = [f"at least {least:g}"] if least is not None else []
    limits += [f"at most {most:g}"] if most is not None else []
    shown = f"{what} is {estimate.value:.4g} (n = {estimate.n:,}"
    if confidence is None:
        lower = upper = estimate.value
        shown += ")"
    else:
        interval = _interval(what, estimate, confidence)
        lower, upper = interval.lower, interval.upper
        shown += f", {lower:.4g} to {upper:.4g} at one-sided {confidence:.4g})"
    lowest, highest = lower, upper
    if confidence is not None and tests > 1:
        wide = bounds(estimate, 1 - (1 - confidence) / tests) or Interval(lower=-math.inf, upper=math.inf)
        lowest, highest = wide.lower, wide.upper
    sides = []
    if least is not None:
        sides.append(settle(holds=at_least(lower, least), fails=not at_least(highest, least)))
    if most is not None:
        sides.append(settle(holds=at_most(upper, most), fails=not at_most(lowest, most)))
    verdict = combine(sides)
    sentence = f"{shown}, must be {' and '.join(limits)}"
    if verdict is Verdict.UNDECIDED and confidence is not None:
        needs = [needed_n(estimate, limit, confidence) for limit in (least, most) if limit is not None]
        known = [n for n in needs if n is not None]
        sentence += f"; needs n ≈ {max(known):,}" if known else "; the value stands at the limit"
    return verdict, sentence


def settle(*, holds: bool, fails: bool) -> Verdict:
    """Return PASS where one bound holds, FAIL where the opposite one fails, UNDECIDED between."""
    if holds:
        return Verdict.PASS
    return Verdict.FAIL if fails else Verdict.UNDECIDED


def _interval(what: str, estimate: Estimate, confidence: float) -> Interval:
    interval = bounds(estimate, confidence)
    if interval is None:
        raise IncompleteEvidence(f"no bound at {confidence:g} is known for {what} with n = {estimate.n:,}")
    return interval
