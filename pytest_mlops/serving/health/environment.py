"""Health of an environment: its own checks, its room for one more version."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import psutil

from pytest_mlops.errors import EnvironmentUnhealthy
from pytest_mlops.records.health import CheckOutcome, HealthState, HealthStatus
from pytest_mlops.records.quantity import in_bytes, in_cores
from pytest_mlops.serving.health.engine import check_health, status_of
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.probe import Endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.environment import DeploymentEnvironment

__all__ = ["check_environment", "environment_outcomes", "room_for"]

VERDICT_SECONDS = 30.0


def check_environment(
    environment: DeploymentEnvironment,
    root: Path,
    *,
    folder: Path | None = None,
    seconds: float = VERDICT_SECONDS,
) -> HealthStatus:
    """Check an environment before anything is deployed to it.

    Args:
        environment: Its checks with ``target: environment``, and the resources that replicas ask for.
        root: Folder that the version's files go below.
        folder: Folder of ``mlops.yaml``, which commands and functions run in; by default this process's.
        seconds: Deadline of the verdict.

    Returns:
        A healthy status; its message is that there was nothing to check, where that is so.

    Raises:
        EnvironmentUnhealthy: something is unhealthy; the message names all of it.
        InvalidHealthCheck: a check cannot be carried out as written.
    """
    outcomes = environment_outcomes(environment, root, folder=folder, seconds=seconds)
    if not outcomes:
        message = "it declares no check and asks for no resources"
        return HealthStatus(is_healthy=True, state=HealthState.HEALTHY, message=message)
    status = status_of(outcomes)
    if not status.is_healthy:
        raise EnvironmentUnhealthy(f"{environment.name} is unhealthy: {status.message}")
    return status


def environment_outcomes(
    environment: DeploymentEnvironment,
    root: Path,
    *,
    folder: Path | None,
    seconds: float,
    pace: float | None = None,
) -> tuple[CheckOutcome, ...]:
    """Return the outcome of each check of an environment, and of each resource; none where it declares none.

    Raises:
        InvalidHealthCheck: a check cannot be carried out as written.
    """
    checks = [check for check in environment.health_checks if check.target == "environment"]
    room = room_for(environment, root)
    if not checks:
        return room
    no_address = Endpoint(folder=None if folder is None else str(folder))
    return (*room, *run_probes(check_health(checks, [no_address], seconds=seconds, pace=pace)).checks)


def room_for(environment: DeploymentEnvironment, root: Path) -> tuple[CheckOutcome, ...]:
    """Hold the resources that a version's replicas ask for against what this machine has to give."""
    asked, replicas = environment.resources, environment.config.replicas
    outcomes = []
    if asked.cpu_requests is not None:
        outcomes.append(_room("cpu", in_cores(asked.cpu_requests) * replicas, _cores(), "cores"))
    if asked.memory_requests is not None:
        needed = in_bytes(asked.memory_requests) * replicas
        outcomes.append(_room("memory", needed, psutil.virtual_memory().available, "bytes"))
    if asked.storage_requests is not None:
        free = shutil.disk_usage(_existing(root)).free
        outcomes.append(_room("storage", in_bytes(asked.storage_requests), free, "bytes"))
    if asked.gpu_requests is not None:
        message = "this target cannot count GPUs; remove gpu_requests, and check them by a command"
        outcomes.append(CheckOutcome(name="gpu", state=HealthState.UNKNOWN, message=message))
    return tuple(outcomes)


def _room(name: str, needed: float, there: float, unit: str) -> CheckOutcome:
    enough = there >= needed
    return CheckOutcome(
        name=name,
        state=HealthState.HEALTHY if enough else HealthState.UNHEALTHY,
        message=f"{there:,.10g} {unit} available, {needed:,.10g} required",
        successes=int(enough),
        probes=1,
    )


def _cores() -> float:
    """Return the cores that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return float(len(affinity(0))) if affinity is not None else float(os.cpu_count() or 1)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
