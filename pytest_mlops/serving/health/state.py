"""What a series of probes comes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_mlops.records.deployment import HealthRate
from pytest_mlops.records.health import CheckOutcome, HealthState
from pytest_mlops.stats.binomial import lower_bound

if TYPE_CHECKING:
    from pytest_mlops.records.health import HealthCheck

__all__ = ["CheckState", "advance", "health_rate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckState:
    """Where a check stands.

    Attributes:
        state: What is known; ``unknown`` before enough was seen.
        successes: In a row, up to now.
        failures: In a row, up to now, without those of the start period.
        succeeded: In all.
        probes: In all.
        starting: Of them, those before the first success.
        message: Of the last probe.
    """

    state: HealthState = HealthState.UNKNOWN
    successes: int = 0
    failures: int = 0
    succeeded: int = 0
    probes: int = 0
    starting: int = 0
    message: str = "not probed yet"

    @property
    def is_decided(self) -> bool:
        """Whether it is healthy or unhealthy."""
        return self.state in {HealthState.HEALTHY, HealthState.UNHEALTHY}

    def outcome(self, name: str) -> CheckOutcome:
        """Return what is kept of it."""
        return CheckOutcome(
            name=name,
            state=self.state,
            message=self.message,
            successes=self.succeeded,
            probes=self.probes - self.starting if self.succeeded else self.probes,
        )


def advance(
    before: CheckState, check: HealthCheck, *, ok: bool, message: str, since_start: float
) -> CheckState:
    """Return the state after one more probe.

    Args:
        before: The state before.
        check: Thresholds and start period.
        ok: Whether the probe succeeded.
        message: What it saw.
        since_start: Seconds since the service was started; before the first success, failures within the
            start period do not count.
    """
    seen = replace(before, probes=before.probes + 1, message=message)
    if ok:
        successes = before.successes + 1
        enough = successes >= check.success_threshold
        state = HealthState.HEALTHY if enough else before.state
        return replace(seen, state=state, successes=successes, failures=0, succeeded=before.succeeded + 1)
    if before.succeeded == 0:
        seen = replace(seen, starting=before.starting + 1)
    if before.succeeded == 0 and since_start < check.start_period:
        return replace(seen, state=HealthState.STARTING, successes=0, failures=0)
    failures = before.failures + 1
    state = HealthState.UNHEALTHY if failures >= check.failure_threshold else before.state
    return replace(seen, state=state, successes=0, failures=failures)


CONFIDENCE = 0.95


def health_rate(successes: int, probes: int) -> HealthRate | None:
    """Return δ of probes, with its one-sided 95 % lower bound (Clopper and Pearson); ``None`` of no probe.

    The bound takes probes for independent. Probes of one service within seconds are not: they show that it is
    healthy now, and the bound is one for a service that stays as it was while it was probed.

    Raises:
        ValueError: more successes than probes.
    """
    if not probes:
        return None
    return HealthRate(
        successes=successes,
        probes=probes,
        share=successes / probes,
        lower=lower_bound(successes, probes, CONFIDENCE),
    )
