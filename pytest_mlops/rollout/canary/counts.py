"""From a gateway's counters to the judge's tallies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_mlops.rollout.canary.judgement import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.targets.protocol import ArmCounts

__all__ = ["slow_bound", "tally"]


def slow_bound(latency: Mapping[float, int], quantile: float = 0.99) -> float | None:
    """Return the bound in milliseconds above which at most 1 - ``quantile`` of the answers were.

    Fixed before the answers that it is to judge are counted, any bound keeps the judge's levels; a bound out
    of few answers only costs power.

    Args:
        latency: Upper bound -> answers up to it and above the bound before.
        quantile: In (0, 1).

    Returns:
        A bound of the histogram, at most its last finite one; ``None`` where that is not known: no answers,
        counts that are none, or no finite bound.
    """
    counts = [latency[bound] for bound in sorted(latency)]
    total = sum(counts)
    finite = [bound for bound in sorted(latency) if math.isfinite(bound)]
    if not finite or min(counts) < 0 or not total > 0:
        return None
    reached = 0
    for bound in finite:
        reached += latency[bound]
        if reached >= quantile * total:
            return bound
    return finite[-1]


def tally(
    before: ArmCounts | None, after: ArmCounts, *, slow_above: float | None, shadow: bool = False
) -> Tally:
    """Return what came between two readings of the same epoch; from its beginning without ``before``.

    An answer is slow where its bound in the histogram is above ``slow_above``, which therefore works as the
    last bound that is not above it, the same for both versions. Readings in the wrong order give counts below
    0, which the judge refuses.

    Args:
        before: At the start, or ``None``.
        after: At the end.
        slow_above: Milliseconds, or ``None`` where there is no bound.
        shadow: Whether to count the copies of requests instead of the requests.
    """
    late, early = _arm(after, slow_above, shadow=shadow), Tally(requests=0, errors=0, slow=0)
    if before is not None:
        early = _arm(before, slow_above, shadow=shadow)
    return late + Tally(
        requests=-early.requests,
        errors=None if early.errors is None else -early.errors,
        slow=None if early.slow is None else -early.slow,
    )


def _arm(counts: ArmCounts, slow_above: float | None, *, shadow: bool) -> Tally:
    if not shadow:
        return Tally(requests=counts.requests, errors=counts.errors, slow=_above(counts.latency, slow_above))
    return Tally(
        requests=counts.shadow_requests,
        errors=counts.shadow_errors,
        slow=_above(counts.shadow_latency, slow_above),
    )


def _above(latency: Mapping[float, int] | None, bound: float | None) -> int | None:
    if latency is None or bound is None or math.isnan(bound):
        return None
    return sum(count for upper, count in latency.items() if upper > bound)
