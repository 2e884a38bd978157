"""The blessing: the new version is the one that serves; the others stop and its monitoring begins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.state.rows import change_deployment, list_deployments
from pytest_mlops.state.steps import Phase, Step
from pytest_mlops.store.schema import deployments, monitored

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from pytest_mlops.rollout.context import DeploymentContext
    from pytest_mlops.state.plan import DeploymentPlan

__all__ = ["begin_monitoring", "bless", "kept_releases", "stop_others"]

_SERVED = frozenset({DeploymentStatus.RUNNING, DeploymentStatus.STOPPED})


def bless(context: DeploymentContext, plan: DeploymentPlan) -> None:
    """Bless a version, in one transaction; then stop the others and remove releases that are not kept."""
    with context.lease.write() as connection:
        at = context.now()
        change_deployment(
            connection,
            plan.deployment_id,
            at=at,
            status=DeploymentStatus.RUNNING,
            message="serves"
            if plan.rollback_from is None
            else f"serves again, in place of {plan.rollback_from}",
            restart_budget=None,
        )
        stopped = stop_others(connection, plan, at=at)
        begin_monitoring(connection, plan, at=at)
        detail = {"stopped": stopped, "monitoring": plan.deployment_id}
        context.note(plan, Step.BLESS, Phase.DONE, detail, connection=connection)
    for name in stopped:
        context.target.stop(name)
    context.probes.prune(plan, lambda: kept_releases(context, plan))


def stop_others(connection: Connection, plan: DeploymentPlan, *, at: datetime) -> list[str]:
    """Stop every other deployment of the environment, in the store; return those that ran."""
    rows = connection.execute(
        select(deployments.c.deployment_id, deployments.c.status).where(
            deployments.c.environment == plan.environment.environment_id,
            deployments.c.deployment_id != plan.deployment_id,
            (deployments.c.wanted > 0) | (deployments.c.status == DeploymentStatus.RUNNING.value),
        )
    ).all()
    for name, status in rows:
        running = status == DeploymentStatus.RUNNING.value
        rolled_back = name == plan.rollback_from
        after = DeploymentStatus.FAILED if rolled_back else DeploymentStatus.STOPPED
        message = f"{'rolled back' if rolled_back else 'replaced'} by {plan.deployment_id}"
        change_deployment(
            connection,
            name,
            at=at,
            status=after if running else None,
            message=message if running else None,
            desired_replicas=0,
        )
        connection.execute(
            monitored.update()
            .where(monitored.c.deployment_id == name, monitored.c.stopped_at.is_(None))
            .values(stopped_at=at.timestamp())
        )
    return [name for name, _ in rows]


def kept_releases(context: DeploymentContext, plan: DeploymentPlan) -> frozenset[str]:
    """Return the releases in use, and those of the newest versions to roll back to, ``retain`` of them."""
    with context.store.read() as connection:
        rows = list_deployments(connection, plan.environment.environment_id)
    in_use = {
        row.plan.release
        for row in rows
        if row.status is DeploymentStatus.DEPLOYING or row.desired_replicas > 0
    }
    served = [row.plan.release for row in rows if row.status in _SERVED]
    distinct = list(dict.fromkeys(release for release in served if release != plan.release))
    return frozenset({plan.release, *in_use, *distinct[: plan.environment.rollout.retain]})


def begin_monitoring(connection: Connection, plan: DeploymentPlan, *, at: datetime) -> None:
    """Record that a deployment is monitored from now on."""
    body = {
        "version": plan.version,
        "digest": plan.digest,
        "reference": {"run_id": plan.run_id, "record": str(plan.record)},
    }
    connection.execute(
        monitored.insert().values(
            deployment_id=plan.deployment_id,
            environment=plan.environment.environment_id,
            started_at=at.timestamp(),
            stopped_at=None,
            body=json.dumps(body, sort_keys=True),
        )
    )
