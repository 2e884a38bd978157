"""What the judge is given and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from operator import index
from typing import SupportsIndex

__all__ = ["LARGEST", "Evidence", "Finding", "JudgeVerdict", "Judgement", "StepTally", "Tally"]

LARGEST = 1e300
"""Evidence and ratios beyond this are cut off here, so that JSON can hold them."""

_NAMES = {"requests": "requests", "errors": "errors", "slow": "slow answers"}


class JudgeVerdict(StrEnum):
    """What is to be done about a new version."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    HOLD = "hold"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What the traffic of one version came to; any counts can be held, and the judge says what is wrong.

    Attributes:
        requests: Answered or failed.
        errors: Requests that failed; ``None`` where that is not known.
        slow: Answers slower than the bound of the step; ``None`` without a bound.
    """

    requests: int
    errors: int | None
    slow: int | None = None

    def __add__(self, other: Tally) -> Tally:
        """Return the counts of both, as where a gateway began to count anew; unknown where either is."""
        return Tally(
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
        return f"{name} is {value}, which is no count"
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
    baseline: Tally
    canary: Tally


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One test's outcome: an e-value that has to reach its threshold, or a p value that may not exceed it."""

    value: float
    threshold: float
    sequential: bool = True

    @property
    def met(self) -> bool:
        """Whether the test's null hypothesis is rejected; never by NaN."""
        return self.value >= self.threshold if self.sequential else self.value <= self.threshold


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one metric says.

    Attributes:
        metric: Its name.
        verdict: What it would have done were it alone; ``HOLD`` where it cannot be judged.
        sentence: The same in words, with numbers.
        baseline_bad: Bad events of the version that serves, over all steps.
        baseline_requests: Requests of it that could have been bad.
        canary_bad: Bad events of the new version.
        canary_requests: Requests of it that could have been bad.
        ratio: Estimate of the ratio of the rates, new to old; ``None`` where it is infinite or unknown.
        lower: Lower end of its interval; ``None`` where nothing is known.
        upper: Upper end; ``None`` where it is infinite or unknown.
        rollback: Evidence that the ratio is above the acceptable one.
        promote: Evidence that the new version is not harmful.
        shift: Of a series of values: by how much the new version's lie above the old one's.
        spread: Of a series of values: ratio of the mean deviations from the median, new to old.
    """

    metric: str
    verdict: JudgeVerdict
    sentence: str
    baseline_bad: int | None = None
    baseline_requests: int | None = None
    canary_bad: int | None = None
    canary_requests: int | None = None
    ratio: float | None = None
    lower: float | None = None
    upper: float | None = None
    rollback: Evidence | None = None
    promote: Evidence | None = None
    shift: float | None = None
    spread: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """The verdict over all metrics.

    Attributes:
        verdict: What is to be done.
        findings: One for every metric that was asked for.
        reasons: Why, in words; of HOLD, what is missing.
    """

    verdict: JudgeVerdict
    findings: tuple[Finding, ...] = ()
    reasons: tuple[str, ...] = field(default=())
