"""Getting a version into an environment, and an earlier one back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConflictError, EvidenceError, TicketRefused
from pytest_mlops.evidence.case import Evidence
from pytest_mlops.evidence.verify import read_record
from pytest_mlops.operations.local import local_manager
from pytest_mlops.operations.project import open_project_store
from pytest_mlops.state.pointer import read_pointer
from pytest_mlops.state.rows import get_deployment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_mlops.evidence.ticket import Examination
    from pytest_mlops.operations.project import ProjectEnvironment
    from pytest_mlops.records.deployment import Consistency, DeploymentResult
    from pytest_mlops.records.health import HealthStatus
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.rollout.manager import DeploymentManager

__all__ = ["DryRun", "deploy", "dry_run", "evidence_for", "roll_back", "submit"]

NEVER = "nothing was ever deployed"


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRun:
    """What a deployment would begin with.

    Attributes:
        ticket: The checks of its evidence.
        health: Health of the environment.
        consistency: Facts about the environment that are as they were where the version was tested.
    """

    ticket: Examination
    health: HealthStatus
    consistency: Consistency


def evidence_for(
    where: ProjectEnvironment,
    record: Path,
    *,
    model: Path | None = None,
    run_id: str | None = None,
    version: ModelVersion | None = None,
) -> Evidence:
    """Return what is presented to get a version into an environment.

    Args:
        where: The environment.
        record: The integration result, the only ticket.
        model: The model's files; by default where the version or else the record says they are.
        run_id: The run that the record has to be of.
        version: The version that the record has to be of.

    Raises:
        EvidenceError: the record cannot be read, or no model files are named.
        TicketRefused: the record is of another version.
    """
    if model is None or version is not None:
        tested = read_record(record).model_version
        if version is not None:
            _require_same(version, tested)
        if model is None:
            named = [each.artifact_path for each in (version, tested) if each is not None]
            model = where.project.folder / _first(named)
    return Evidence(record=record.absolute(), model=model.absolute(), run_id=run_id, model_id=where.model_id)


def deploy(
    where: ProjectEnvironment,
    evidence: Evidence,
    *,
    seconds: float | None = None,
    echo: Callable[[str], None] = lambda _line: None,
) -> DeploymentResult:
    """Deploy a version, and wait: afterwards it serves, or the version before it still serves.

    Args:
        where: The environment.
        evidence: What is presented.
        seconds: Deadline, where it is before that of the environment.
        echo: Takes a line about each step.

    Raises:
        TicketRefused: the evidence does not suffice; nothing was started.
        EvidenceError: the record cannot be read; nothing was started.
        ConfigError: the configuration does not say how a version is served.
        ConflictError: another process acts on the environment.
        StoreError: the store failed; the supervisor continues what was started.
    """
    with _manager(_within(where, seconds), echo=echo) as manager:
        return manager.deploy(evidence)


def submit(where: ProjectEnvironment, evidence: Evidence) -> str:
    """Verify the ticket and leave the deployment to the supervisor; return the deployment's id.

    Raises:
        As :func:`deploy`.
    """
    with _manager(where) as manager:
        return manager.submit(evidence)


def dry_run(where: ProjectEnvironment, evidence: Evidence) -> DryRun:
    """Check everything that a deployment checks before it starts, and start nothing.

    Raises:
        EnvironmentUnhealthy: what the version needs besides itself is not healthy.
        As :func:`deploy`.
    """
    with _manager(where) as manager:
        ticket, health, consistency = manager.dry_run(evidence)
    return DryRun(ticket=ticket, health=health, consistency=consistency)


def roll_back(
    where: ProjectEnvironment,
    *,
    to: str | None = None,
    of: str | None = None,
    echo: Callable[[str], None] = lambda _line: None,
) -> DeploymentResult:
    """Roll back to the newest version that served before, whose ticket holds and whose replay passes.

    Args:
        where: The environment.
        to: The version, or its deployment, if it has to be that one.
        of: The deployment that has to serve now.
        echo: Takes a line about each step.

    Raises:
        NotRegistered: there is no deployment ``of``, or none to roll back to.
        EvidenceError: no version's evidence holds; the message says why of each.
        ConflictError: ``of`` does not serve, or another process acts on the environment.
        StoreError: there is no store, or it failed.
    """
    with _manager(where, absent=NEVER, echo=echo) as manager:
        if of is not None:
            _require_stable(manager, where.name, of)
        return manager.rollback(to=to)


@contextlib.contextmanager
def _manager(
    where: ProjectEnvironment,
    *,
    absent: str | None = None,
    echo: Callable[[str], None] = lambda _line: None,
) -> Iterator[DeploymentManager]:
    with open_project_store(where.project, absent=absent) as store:
        yield local_manager(store, where, echo=echo)


def _within(where: ProjectEnvironment, seconds: float | None) -> ProjectEnvironment:
    environment = where.environment
    if seconds is None or seconds >= environment.rollout.deadline:
        return where
    rollout = environment.rollout.model_copy(update={"deadline": seconds})
    return replace(where, environment=environment.model_copy(update={"rollout": rollout}))


def _first(artifacts: list[str | None]) -> str:
    named = [each for each in artifacts if each is not None]
    if not named:
        raise EvidenceError("the record names no model files, so there is nothing to deploy; pass --model")
    return named[0]


def _require_same(version: ModelVersion, tested: ModelVersion | None) -> None:
    expected = (version.model_id, version.version_id)
    if tested is None or (tested.model_id, tested.version_id) != expected:
        got = "no model version" if tested is None else f"{tested.model_id} {tested.version_id}"
        raise TicketRefused(
            check="version",
            message=f"the record is of {got}; expected {' '.join(expected)}",
            remedy="Present the record of the run that tested this version",
        )


def _require_stable(manager: DeploymentManager, environment: str, deployment_id: str) -> None:
    with manager.store.read() as connection:
        get_deployment(connection, deployment_id)
        stable = read_pointer(connection, environment).stable
    if stable != deployment_id:
        raise ConflictError(f"{deployment_id} does not serve {environment}; {stable or 'nothing'} does")
