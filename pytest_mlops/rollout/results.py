"""How a deployment came out, put together from its row and its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.records.deployment import Consistency, DeploymentResult, DeploymentStatus
from pytest_mlops.records.health import HealthState, HealthStatus
from pytest_mlops.serving.health.state import health_rate
from pytest_mlops.state.journal import read_journal
from pytest_mlops.state.rows import get_deployment
from pytest_mlops.state.steps import Phase, Step, done_steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from pytest_mlops.records.deployment import HealthRate
    from pytest_mlops.state.steps import Entry

__all__ = ["result_of"]

_NOT_PROBED = HealthStatus(is_healthy=False, state=HealthState.UNKNOWN, message="no replica was probed")


def result_of(connection: Connection, deployment_id: str, *, now: datetime) -> DeploymentResult:
    """Return how a deployment came out; one in progress is no success yet.

    Args:
        connection: Any connection.
        deployment_id: The deployment.
        now: The time, which a deployment in progress has lasted to.

    Raises:
        NotRegistered: there is none of this name.
    """
    row = get_deployment(connection, deployment_id)
    journal = read_journal(connection, deployment_id)
    health = _health(journal)
    blessed = Step.BLESS in done_steps(journal)
    consistency = _consistency(journal)
    rate = _rate(journal)
    over = row.status is not DeploymentStatus.DEPLOYING
    end = journal[-1].at if over and journal else now.timestamp()
    return DeploymentResult(
        success=blessed and health.is_healthy,
        deployment=row.record(),
        health_status=health,
        consistency=consistency,
        health_rate=rate,
        bound=_bound(consistency, rate),
        duration=max(0.0, end - row.plan.created_at.timestamp()),
        timestamp=now,
    )


def _details(journal: Sequence[Entry], *steps: Step) -> list[dict[str, Any]]:
    return [dict(entry.detail) for entry in journal if entry.step in steps and entry.phase is Phase.DONE]


def _health(journal: Sequence[Entry]) -> HealthStatus:
    found = [detail["health"] for detail in _details(journal, Step.PROBE, Step.BAKE) if "health" in detail]
    return HealthStatus.model_validate(found[-1]) if found else _NOT_PROBED


def _consistency(journal: Sequence[Entry]) -> Consistency | None:
    found = [detail["consistency"] for detail in _details(journal, Step.ENVIRONMENT)]
    return Consistency.model_validate(found[-1]) if found else None


def _rate(journal: Sequence[Entry]) -> HealthRate | None:
    """Return δ over the probes of the service, before it had traffic and with all of it."""
    successes = probes = 0
    for detail in _details(journal, Step.PROBE):
        checks = HealthStatus.model_validate(detail["health"]).checks
        successes += sum(check.successes for check in checks)
        probes += sum(check.probes for check in checks)
    for detail in _details(journal, Step.BAKE):
        successes += detail["successes"]
        probes += detail["probes"]
    return health_rate(successes, probes)


def _bound(consistency: Consistency | None, rate: HealthRate | None) -> float | None:
    if consistency is None or consistency.share is None or rate is None or rate.lower is None:
        return None
    return consistency.share * rate.lower
