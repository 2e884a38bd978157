"""Tallies: what the traffic of each version came to in one step, out of a gateway's counters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, SupportsIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.targets.traffic import DeploymentTraffic

__all__ = ["StepTally", "VersionTally", "slow_bound", "tally"]

_NAMES = {"requests": "requests", "errors": "errors", "slow": "slow answers"}


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionTally:
    """What the traffic of one version came to; any counts can be held, and the judge names what is wrong.

    Attributes:
        requests: Answered or failed.
        errors: Requests that failed; ``None`` where that is not known.
        slow: Answers slower than the bound of the step; ``None`` without a bound.
    """

    requests: int
    errors: int | None
    slow: int | None = None

    def __add__(self, other: VersionTally) -> VersionTally:
        """Return the counts of both, as where a gateway restarted; unknown where either is."""
        return VersionTally(
            requests=self.requests + other.requests,
            errors=None if self.errors is None or other.errors is None else self.errors + other.errors,
            slow=None if self.slow is None or other.slow is None else self.slow + other.slow,
        )

    def bad(self, metric: str) -> int | None:
        """Return the number of bad events of a metric."""
        return self.errors if metric == "errors" else self.slow

    def exposed(self, metric: str) -> int | None:
        """Return how many requests could have been bad: all, or for ``slow`` those with an answer."""
        if metric == "errors":
            return self.requests
        return None if self.errors is None else self.requests - self.errors

    def problem(self, metric: str) -> str:
        """Return what keeps a metric from being judged, or nothing."""
        for name, value in (("requests", self.requests), ("errors", self.errors), ("slow", self.slow)):
            if value is None and name in ("requests", "errors", metric):
                return f"the number of {_NAMES[name]} is not known"
            if found := _no_count(name, value):
                return found
        bad, exposed = self.bad(metric), self.exposed(metric)
        if (self.errors or 0) > self.requests or (bad or 0) > (exposed or 0):
            return f"{bad} bad events in {exposed} requests"
        return ""


def _no_count(name: str, value: object) -> str:
    """Return what is wrong with a count that is known, or nothing."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return f"{name} is {value}, which is not a count"
    return f"{name} is {value}; counts never fall" if index(value) < 0 else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTally:
    """Traffic of both versions while the new one's share was the same.

    Attributes:
        share: Share of the requests that were meant for the canary, in (0, 1). Of shadow traffic with copies
            of a share s of the requests it is s/(1 + s).
        baseline: Of the version that serves.
        canary: Of the new version.
    """

    share: float
    baseline: VersionTally
    canary: VersionTally


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
    before: DeploymentTraffic | None,
    after: DeploymentTraffic,
    *,
    slow_above: float | None,
    shadow: bool = False,
) -> VersionTally:
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
    late, early = _counts(after, slow_above, shadow=shadow), VersionTally(requests=0, errors=0, slow=0)
    if before is not None:
        early = _counts(before, slow_above, shadow=shadow)
    return late + VersionTally(
        requests=-early.requests,
        errors=None if early.errors is None else -early.errors,
        slow=None if early.slow is None else -early.slow,
    )


def _counts(counts: DeploymentTraffic, slow_above: float | None, *, shadow: bool) -> VersionTally:
    if not shadow:
        return VersionTally(
            requests=counts.requests, errors=counts.errors, slow=_above(counts.latency, slow_above)
        )
    return VersionTally(
        requests=counts.shadow_requests,
        errors=counts.shadow_errors,
        slow=_above(counts.shadow_latency, slow_above),
    )


def _above(latency: Mapping[float, int] | None, bound: float | None) -> int | None:
    if latency is None or bound is None or math.isnan(bound):
        return None
    return sum(count for upper, count in latency.items() if upper > bound)
