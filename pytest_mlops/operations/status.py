"""The state of an environment: what serves, what is being deployed, which processes run."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.operations.deploy import NEVER
from pytest_mlops.operations.project import open_project_store
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.serving.processes import lives
from pytest_mlops.serving.run_files import read_replicas
from pytest_mlops.serving.supervisor.lifecycle import gateway_url, is_up
from pytest_mlops.state.journal import read_journal
from pytest_mlops.state.lease import lease_state
from pytest_mlops.state.pointer import read_pointer
from pytest_mlops.state.rows import list_deployments
from pytest_mlops.state.steps import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.operations.project import ProjectEnvironment
    from pytest_mlops.state.lease import LeaseState
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.pointer import Pointer
    from pytest_mlops.state.rows import DeploymentRow
    from pytest_mlops.state.steps import Entry

__all__ = [
    "EnvironmentStatus",
    "ReplicaState",
    "last_entry",
    "list_environment_deployments",
    "replicas_here",
    "status",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicaState:
    """A replica as its file describes it, and whether its process lives."""

    deployment_id: str
    index: int
    pid: int
    host: str
    port: int
    alive: bool
    ready: bool
    restarts: int
    message: str

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentStatus:
    """An environment at one moment.

    Attributes:
        pointer: What serves.
        rows: Its deployments, newest first.
        under_way: The one that is being deployed, and its journal.
        lease: The lease, while a process holds it.
        replicas: Processes on this machine.
        url: Where clients reach it; ``None`` while no gateway runs here.
        supervised: Whether a supervisor runs here.
    """

    pointer: Pointer
    rows: tuple[DeploymentRow, ...]
    under_way: tuple[DeploymentRow, tuple[Entry, ...]] | None
    lease: LeaseState | None
    replicas: tuple[ReplicaState, ...]
    url: str | None
    supervised: bool

    def row(self, deployment_id: str) -> DeploymentRow | None:
        """Return a deployment by its name."""
        return next((row for row in self.rows if row.plan.deployment_id == deployment_id), None)


def status(where: ProjectEnvironment) -> EnvironmentStatus:
    """Return the state of an environment.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    now = time.time()
    with open_project_store(where.project, absent=NEVER) as store, store.read() as connection:
        rows = list_deployments(connection, where.name)
        row = next((row for row in rows if row.status is DeploymentStatus.DEPLOYING), None)
        journal = () if row is None else read_journal(connection, row.plan.deployment_id)
        lease = lease_state(connection, where.name)
        pointer = read_pointer(connection, where.name)
    return EnvironmentStatus(
        pointer=pointer,
        rows=rows,
        under_way=None if row is None else (row, journal),
        lease=lease if lease is not None and lease.is_held(now) else None,
        replicas=tuple(replicas_here(where.layout)),
        url=gateway_url(where.layout),
        supervised=is_up(where.layout),
    )


def list_environment_deployments(where: ProjectEnvironment, *, limit: int) -> tuple[DeploymentRow, ...]:
    """Return what was deployed to an environment, newest first, at most ``limit`` of it.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    with open_project_store(where.project, absent=NEVER) as store, store.read() as connection:
        return list_deployments(connection, where.name, limit=limit)


def last_entry(journal: Sequence[Entry]) -> str:
    """Describe the last entry of a deployment's journal."""
    if not journal:
        return "nothing is done yet"
    last = journal[-1]
    if last.phase is Phase.NOTED:
        return f"{last.step}: {json.dumps(dict(last.detail), sort_keys=True)[:200]}"
    return f"{last.step} {last.phase}"


def replicas_here(layout: Layout) -> list[ReplicaState]:
    """Return the replicas of an environment on this machine, as their files describe them."""
    found = []
    for file in read_replicas(layout):
        alive = lives(file.identity)
        found.append(
            ReplicaState(
                deployment_id=file.deployment_id,
                index=file.index,
                pid=file.pid or 0,
                host=file.host,
                port=file.port,
                alive=alive,
                ready=file.ready and alive,
                restarts=file.restarts,
                message=file.message,
            )
        )
    return found
