"""The health rate δ: the share of probes that succeeded, and what it is at least."""

from __future__ import annotations

from pytest_mlops.records.deployment import HealthRate
from pytest_mlops.stats.binomial import lower_bound

__all__ = ["health_rate"]

CONFIDENCE = 0.95


def health_rate(successes: int, probes: int) -> HealthRate | None:
    """Return δ of probes, with its one-sided 95 % lower bound (Clopper and Pearson); ``None`` of no probe.

    The bound takes probes for independent. Probes of one service within seconds are not: they tell that it is
    well now, and the bound is one for a service that goes on as it was while it was looked at.

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
