"""One metric's counts of both versions, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.stats.rate_ratio import BadEvents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.rollout.canary.tally import StepTally

__all__ = ["Exposure", "exposures", "problem", "totals"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """Bad events of both versions in one step, and the requests that could have been bad."""

    share: float
    baseline_bad: float
    baseline_requests: float
    canary_bad: float
    canary_requests: float

    @property
    def requests(self) -> float:
        """Of both versions."""
        return self.baseline_requests + self.canary_requests

    @property
    def realised(self) -> float:
        """The share of the requests that the canary did get; the one that was meant where there are none."""
        return self.canary_requests / self.requests if self.requests else self.share

    def events(self, share: float) -> BadEvents:
        """Return the bad events as those of a canary with ``share`` of the requests."""
        return BadEvents(canary=self.canary_bad, total=self.canary_bad + self.baseline_bad, share=share)

    def scaled(self, factor: float) -> Exposure:
        """Return what this would be had it lasted ``factor`` times as long."""
        return Exposure(
            share=self.share,
            baseline_bad=self.baseline_bad * factor,
            baseline_requests=self.baseline_requests * factor,
            canary_bad=self.canary_bad * factor,
            canary_requests=self.canary_requests * factor,
        )


def problem(metric: str, steps: Sequence[StepTally]) -> str:
    """Return what keeps a metric from being judged on these steps, or nothing."""
    if not steps:
        return "no traffic has been counted"
    for number, step in enumerate(steps, start=1):
        if not 0 < step.share < 1:  # NaN neither
            return f"step {number} has a share of {step.share}; two versions are compared between 0 and 1"
        for name, counts in (("old", step.baseline), ("new", step.canary)):
            if found := counts.problem(metric):
                return f"of the {name} version in step {number}, {found}"
    for name, tallies in (("old", [s.baseline for s in steps]), ("new", [s.canary for s in steps])):
        if not sum(each.exposed(metric) or 0 for each in tallies):
            return f"the {name} version has answered nothing yet"
    return ""


def exposures(metric: str, steps: Sequence[StepTally]) -> tuple[Exposure, ...]:
    """Return the counts of a metric that has no problem."""
    return tuple(
        Exposure(
            share=step.share,
            baseline_bad=step.baseline.bad(metric) or 0,
            baseline_requests=step.baseline.exposed(metric) or 0,
            canary_bad=step.canary.bad(metric) or 0,
            canary_requests=step.canary.exposed(metric) or 0,
        )
        for step in steps
    )


def totals(steps: Sequence[Exposure]) -> Exposure:
    """Return the sum over the steps, its share being the realised one where there is any."""
    baseline, canary = sum(s.baseline_requests for s in steps), sum(s.canary_requests for s in steps)
    share = canary / (baseline + canary) if baseline + canary else steps[-1].share
    return Exposure(
        share=share,
        baseline_bad=sum(s.baseline_bad for s in steps),
        baseline_requests=baseline,
        canary_bad=sum(s.canary_bad for s in steps),
        canary_requests=canary,
    )
