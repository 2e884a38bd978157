"""What stands where in an environment: what serves, what is under way, which processes run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

    from sqlalchemy import Connection

    from pytest_mlops.state.lease import LeaseState
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.pointer import Pointer
    from pytest_mlops.state.rows import DeploymentRow
    from pytest_mlops.state.steps import Entry

__all__ = ["Overview", "ReplicaState", "last_words", "overview"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicaState:
    """A replica as its file says, held against the processes of this machine."""

    deployment_id: str
    index: int
    pid: int
    address: str
    alive: bool
    ready: bool
    restarts: int
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """An environment at one moment.

    Attributes:
        pointer: What serves.
        rows: Its deployments, newest first.
        under_way: The one that is being deployed, and its journal.
        lease: Who holds the lease, if somebody does.
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


def overview(connection: Connection, layout: Layout, environment: str, *, now: float) -> Overview:
    """Return what stands where.

    Args:
        connection: Any connection.
        layout: Where the environment's files lie on this machine.
        environment: Its name.
        now: Seconds since the epoch.
    """
    rows = list_deployments(connection, environment)
    row = next((row for row in rows if row.status is DeploymentStatus.DEPLOYING), None)
    lease = lease_state(connection, environment)
    return Overview(
        pointer=read_pointer(connection, environment),
        rows=rows,
        under_way=None if row is None else (row, read_journal(connection, row.plan.deployment_id)),
        lease=lease if lease is not None and lease.is_held(now) else None,
        replicas=tuple(_replicas(layout)),
        url=gateway_url(layout),
        supervised=is_up(layout),
    )


def last_words(journal: Sequence[Entry]) -> str:
    """Return where a deployment stands, from its journal."""
    if not journal:
        return "nothing is done yet"
    last = journal[-1]
    if last.phase is Phase.NOTED:
        return f"{last.step}: {json.dumps(dict(last.detail), sort_keys=True)[:200]}"
    return f"{last.step} {last.phase}"


def _replicas(layout: Layout) -> list[ReplicaState]:
    found = []
    for file in read_replicas(layout):
        alive = lives(file.identity)
        found.append(
            ReplicaState(
                deployment_id=file.deployment_id,
                index=file.index,
                pid=file.pid or 0,
                address=f"{file.host}:{file.port}",
                alive=alive,
                ready=file.ready and alive,
                restarts=file.restarts,
                message=file.message,
            )
        )
    return found
