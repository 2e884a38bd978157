"""The health rate δ: the share of probes that succeeded, and what it is at least."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.records.deployment import HealthRate
from pytest_mlops.stats.binomial import lower_bound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_mlops.records.health import CheckOutcome

__all__ = ["health_rate"]

CONFIDENCE = 0.95


def health_rate(outcomes: Iterable[CheckOutcome]) -> HealthRate | None:
    """Return δ of probes, with its one-sided 95 % lower bound (Clopper and Pearson); ``None`` of no probe.

    The bound takes probes for independent. Probes of one service within seconds are not: they tell that it is
    well now, and the bound is one for a service that goes on as it was while it was looked at.
    """
    seen = list(outcomes)
    probes = sum(outcome.probes for outcome in seen)
    successes = sum(outcome.successes for outcome in seen)
    if not probes:
        return None
    return HealthRate(
        successes=successes,
        probes=probes,
        share=successes / probes,
        lower=lower_bound(successes, probes, CONFIDENCE),
    )
