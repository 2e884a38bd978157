"""What the canary judge returns: evidence, a finding for each metric, and the verdict over all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["LARGEST", "CanaryEvidence", "CanaryFinding", "CanaryJudgement", "CanaryVerdict"]

LARGEST = 1e300
"""CanaryEvidence and ratios beyond this are cut off here, so that JSON can hold them."""


class CanaryVerdict(StrEnum):
    """What is to be done about a new version."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    HOLD = "hold"


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryEvidence:
    """One test's outcome: an e-value that has to reach its threshold, or a p value that may not exceed it."""

    value: float
    threshold: float
    sequential: bool = True

    @property
    def met(self) -> bool:
        """Whether the test's null hypothesis is rejected; never by NaN."""
        return self.value >= self.threshold if self.sequential else self.value <= self.threshold


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryFinding:
    """What the judge finds in one metric.

    Attributes:
        metric: Its name.
        verdict: What it would have done were it alone; ``HOLD`` where it cannot be judged.
        message: The same for people, with numbers.
        baseline_bad: Bad events of the version that serves, over all steps.
        baseline_requests: Requests of it that could have been bad.
        canary_bad: Bad events of the new version.
        canary_requests: Requests of it that could have been bad.
        ratio: Estimate of the ratio of the rates, new to old; ``None`` where it is infinite or unknown.
        lower: Lower end of its interval; ``None`` where nothing is known.
        upper: Upper end; ``None`` where it is infinite or unknown.
        rollback: CanaryEvidence that the ratio is above the acceptable one.
        promote: CanaryEvidence that the new version is not harmful.
    """

    metric: str
    verdict: CanaryVerdict
    message: str
    baseline_bad: int | None = None
    baseline_requests: int | None = None
    canary_bad: int | None = None
    canary_requests: int | None = None
    ratio: float | None = None
    lower: float | None = None
    upper: float | None = None
    rollback: CanaryEvidence | None = None
    promote: CanaryEvidence | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryJudgement:
    """The verdict over all metrics.

    Attributes:
        verdict: What is to be done.
        findings: One for every metric that was asked for.
        reasons: Why, as messages; of HOLD, what is missing.
    """

    verdict: CanaryVerdict
    findings: tuple[CanaryFinding, ...] = ()
    reasons: tuple[str, ...] = field(default=())
