"""Files below ``run/`` about the processes of an environment: one writer each, one reader each."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field

from pytest_mlops.errors import SerializationError
from pytest_mlops.records.base import Count, Flag, Label, Number, Seconds, Text
from pytest_mlops.serving.processes import GATEWAY, Identity, find_marked
from pytest_mlops.serving.versioned import Versioned, load

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.state.paths import Layout

__all__ = [
    "DownFile",
    "GatewayFile",
    "LockFile",
    "ReplicaFile",
    "SupervisorFile",
    "read_gateway",
    "read_lock",
    "read_replica",
    "read_replicas",
    "read_supervisor",
    "require_known_versions",
]

Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
_IN_FILES = Field(alias="born")
"""The name of a process start time in files, as they were first written."""


class _ProcessFile(Versioned):
    """Base of the files that name a process."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)


class LockFile(_ProcessFile):
    """Who holds the supervisor's lock; written by the holder, read by those who meet the lock."""

    pid: Count
    process_start: Annotated[Number, _IN_FILES]
    """Distinguishes the process from another with its number; see :mod:`pytest_mlops.state.process_start`."""

    @property
    def identity(self) -> Identity:
        """The process."""
        return Identity(pid=self.pid, process_start=self.process_start)


class SupervisorFile(LockFile):
    """The supervisor; written by itself, read by the gateway, which starts the next one by its command."""

    started_at: Number
    """Seconds since the epoch."""
    command: tuple[Text, ...]
    """What starts a supervisor like this one."""


class GatewayFile(LockFile):
    """The gateway; written by itself, read by those who talk to it."""

    host: Text
    """Where clients reach it."""
    port: Port
    """Where clients reach it."""
    control_port: Port
    """Where supervisors and commands reach it, on loopback."""
    token: Text
    """What those have to show."""
    started_at: Text
    """For people, in ISO 8601."""


class ReplicaFile(_ProcessFile):
    """A replica; written by the supervisor, read by the next one and by commands."""

    deployment_id: Label
    index: Count
    """Number within the deployment."""
    pid: Count | None
    """``None`` while it has no process."""
    process_start: Annotated[Number | None, _IN_FILES]
    host: Text
    port: Annotated[int, Field(strict=True, ge=0, le=65535)]
    """0 before its first process."""
    started_at: Number
    """When its process was started, seconds since the epoch."""
    restarts: Count
    """Deaths in all."""
    deaths: Count
    """Deaths in a row, without those after a long life."""
    alive: Flag
    """Whether its process ran when this was written."""
    ready: Flag
    """Whether its health checks were healthy then."""
    was_ready: Flag
    """Whether they ever were since its process was started."""
    message: str
    """Why it is not ready, or was started again."""
    death: str
    """How its last process ended."""
    stop_grace: Seconds
    """Seconds from SIGTERM to SIGKILL."""

    @property
    def name(self) -> str:
        """As ``production.7.0``."""
        return f"{self.deployment_id}.{self.index}"

    @property
    def identity(self) -> Identity | None:
        """Its process; ``None`` while it has none."""
        if self.pid is None or self.process_start is None:
            return None
        return Identity(pid=self.pid, process_start=self.process_start)


class DownFile(Versioned):
    """Means that nothing is to run; written by ``down``, read by the supervisor."""

    grace: Seconds = 10.0
    """Seconds that processes have to end by themselves before they are killed."""


def read_gateway(layout: Layout) -> GatewayFile | None:
    """Return the gateway's file; ``None`` where there is none. All of these read as ``load`` does."""
    return load(GatewayFile, layout.gateway)


def read_supervisor(layout: Layout) -> SupervisorFile | None:
    """Return the supervisor's file; ``None`` where there is none."""
    return load(SupervisorFile, layout.supervisor)


def read_lock(path: Path) -> LockFile | None:
    """Return who wrote last that it holds a lock; ``None`` where that cannot be read, in any version."""
    with contextlib.suppress(SerializationError):
        return load(LockFile, path)
    return None


def read_replica(path: Path) -> ReplicaFile | None:
    """Return a replica's file; ``None`` where there is none."""
    return load(ReplicaFile, path)


def read_replicas(layout: Layout) -> list[ReplicaFile]:
    """Return the files of all replicas, by their names; one that cannot be read is about to be replaced."""
    found = (read_replica(path) for path in _replica_paths(layout))
    return [each for each in found if each is not None]


def require_known_versions(layout: Layout) -> None:
    """Make sure that this version can read the files of all processes that run.

    Files of processes that are gone are removed where they cannot be read.

    Raises:
        SerializationError: a process that runs was started by a newer version.
    """
    running = find_marked(layout.root)
    replicas = {layout.replica(each.replica) for each in running if each.replica}
    gateways = {layout.gateway for each in running if each.marker == GATEWAY}
    for path in (layout.gateway, *_replica_paths(layout)):
        try:
            load(Versioned, path)
        except SerializationError:
            if path in replicas | gateways:
                raise
            path.unlink(missing_ok=True)


def _replica_paths(layout: Layout) -> list[Path]:
    return sorted(layout.replicas.glob("[!.]*.json"))
