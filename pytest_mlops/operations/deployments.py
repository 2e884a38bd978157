"""Deployments by the names that a project's ``mlops.yaml`` gives, for whoever has no command line."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pytest_mlops.config.environments import read_environments
from pytest_mlops.errors import ConfigError, ConflictError, EvidenceError, Problem, TicketRefused
from pytest_mlops.evidence.case import Evidence
from pytest_mlops.evidence.verify import read_record
from pytest_mlops.operations.local import local_manager
from pytest_mlops.serving.health.engine import LISTENS, check_health
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.probe import Endpoint
from pytest_mlops.state.pointer import read_pointer
from pytest_mlops.state.rows import get_deployment
from pytest_mlops.store.engine import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mlops.records.deployment import DeploymentResult
    from pytest_mlops.records.health import HealthStatus
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.rollout.manager import DeploymentManager

__all__ = ["deploy_version", "deployment_health", "roll_back_deployment"]

CONFIG = "mlops.yaml"


def deploy_version(
    model_version: ModelVersion, environment: str, *, evidence: Path, folder: Path, seconds: float
) -> DeploymentResult:
    """Deploy a version; see :meth:`pytest_mlops.MLOpsFramework.continuous_deployment`.

    Args:
        model_version: The version.
        environment: Name of the environment.
        evidence: The record of its run.
        folder: That of ``mlops.yaml``.
        seconds: Deadline, where it is before that of the environment.
    """
    version = read_record(evidence).model_version
    wanted = (model_version.model_id, model_version.version_id)
    if version is None or (version.model_id, version.version_id) != wanted:
        got = "no model version" if version is None else f"{version.model_id} {version.version_id}"
        raise TicketRefused(
            check="version",
            message=f"the record is of {got}; expected {' '.join(wanted)}",
            remedy="Present the record of the run that tested this version",
        )
    artifact = model_version.artifact_path or version.artifact_path
    if artifact is None:
        raise EvidenceError("neither the version nor its record names the model's files to deploy")
    with _manager(environment, folder, seconds=seconds) as (manager, model_id):
        return manager.deploy(Evidence(record=evidence, model=folder / artifact, model_id=model_id))


def deployment_health(deployment_id: str, *, folder: Path, seconds: float) -> HealthStatus:
    """Probe the replicas of a deployment; see :meth:`pytest_mlops.MLOpsFramework.check_health`."""
    with _manager(deployment_id.rpartition(".")[0], folder) as (manager, _):
        with manager.store.read() as connection:
            plan = get_deployment(connection, deployment_id).plan
        replicas = [replica for replica in manager.target.replicas(deployment_id) if replica.alive]
    endpoints = [Endpoint(host=replica.host, port=replica.port, folder=plan.project) for replica in replicas]
    return run_probes(check_health(plan.service_checks or (LISTENS,), endpoints, seconds=seconds))


def roll_back_deployment(deployment_id: str, *, to: str | None, folder: Path) -> DeploymentResult:
    """Go back from a deployment; see :meth:`pytest_mlops.MLOpsFramework.rollback`."""
    name = deployment_id.rpartition(".")[0]
    with _manager(name, folder) as (manager, _):
        with manager.store.read() as connection:
            get_deployment(connection, deployment_id)
            stable = read_pointer(connection, name).stable
        if stable != deployment_id:
            raise ConflictError(f"{deployment_id} does not serve {name}; {stable or 'nothing'} does")
        return manager.rollback(to=to)


@contextlib.contextmanager
def _manager(
    environment: str, folder: Path, *, seconds: float | None = None
) -> Iterator[tuple[DeploymentManager, str | None]]:
    config = folder / CONFIG
    declared = read_environments(config)
    if environment not in declared.environments:
        known = ", ".join(declared.environments) or "none"
        message = f"got {environment!r}; {config} declares {known}"
        raise ConfigError("the environment", [Problem(path="", message=message)])
    chosen = declared.environments[environment]
    if seconds is not None and seconds < chosen.rollout.deadline:
        rollout = chosen.rollout.model_copy(update={"deadline": seconds})
        chosen = chosen.model_copy(update={"rollout": rollout})
    with open_store(folder=folder) as store:
        manager = local_manager(store, chosen, config=config, model_id=declared.model_id)
        yield manager, declared.model_id
