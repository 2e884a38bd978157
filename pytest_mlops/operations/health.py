"""Health of an environment, of the replicas that run in it, and of one deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.operations.deploy import NEVER
from pytest_mlops.operations.local import local_manager
from pytest_mlops.operations.project import open_project_store
from pytest_mlops.operations.status import replicas_here
from pytest_mlops.serving.health.engine import LISTENS, check_health
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.probe import Endpoint
from pytest_mlops.serving.health.survey import survey
from pytest_mlops.state.rows import get_deployment

if TYPE_CHECKING:
    from pytest_mlops.operations.project import ProjectEnvironment
    from pytest_mlops.records.health import HealthStatus
    from pytest_mlops.serving.health.survey import Survey

__all__ = ["deployment_health", "environment_health"]


def environment_health(where: ProjectEnvironment, *, seconds: float = 30.0) -> Survey:
    """Probe what an environment needs, and every replica of it that runs on this machine.

    Args:
        where: The environment.
        seconds: Deadline of a verdict.

    Raises:
        InvalidHealthCheck: a check cannot be carried out as written.
    """
    project = str(where.project.folder)
    return survey(
        where.environment,
        where.layout,
        [
            Endpoint(host=replica.host, port=replica.port, folder=project)
            for replica in replicas_here(where.layout)
            if replica.alive
        ],
        [check for check in where.environment.health_checks if check.target == "service"],
        folder=where.project.folder,
        seconds=seconds,
    )


def deployment_health(where: ProjectEnvironment, deployment_id: str, *, seconds: float) -> HealthStatus:
    """Probe the replicas of a deployment by the checks that it was planned with.

    Raises:
        NotRegistered: there is no such deployment.
        InvalidHealthCheck: a check cannot be carried out as written.
        StoreError: there is no store, or it cannot be read.
    """
    with open_project_store(where.project, absent=NEVER) as store:
        with store.read() as connection:
            plan = get_deployment(connection, deployment_id).plan
        target = local_manager(store, where).target
        replicas = [replica for replica in target.replicas(deployment_id) if replica.alive]
    endpoints = [Endpoint(host=replica.host, port=replica.port, folder=plan.project) for replica in replicas]
    return run_probes(check_health(plan.service_checks or (LISTENS,), endpoints, seconds=seconds))
