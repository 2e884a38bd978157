"""The local target: replicas are processes of this machine, behind a gateway, kept by a supervisor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConflictError, TaskError
from pytest_mlops.serving.gateway_client import gateway_status
from pytest_mlops.serving.processes import lives
from pytest_mlops.serving.run_files import read_replicas
from pytest_mlops.serving.supervisor.lifecycle import ensure_up
from pytest_mlops.targets.protocol import Replica
from pytest_mlops.targets.traffic import DeploymentTraffic, Traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.serving.run_files import ReplicaFile
    from pytest_mlops.serving.supervisor.lifecycle import SupervisorCommand
    from pytest_mlops.state.paths import Layout

__all__ = ["LocalTarget"]


@dataclass(frozen=True, kw_only=True)
class LocalTarget:
    """The target of an environment on this machine; see :class:`~pytest_mlops.targets.protocol.Target`.

    It starts and ends nothing itself: the supervisor does, as the store demands.

    Attributes:
        layout: Where the environment's files lie.
        supervisor: How its supervisor is started.
    """

    layout: Layout
    supervisor: SupervisorCommand

    def require_up(self) -> None:
        """Make sure that a supervisor runs."""
        ensure_up(self.layout, self.supervisor)

    def start(self, deployment_id: str) -> None:
        """Make sure that a supervisor runs, which starts what the store demands."""
        del deployment_id
        ensure_up(self.layout, self.supervisor)

    def replicas(self, deployment_id: str) -> Sequence[Replica]:
        """Return the replicas as their files state, checked against the processes that run."""
        self._require_not_down()
        files = [file for file in read_replicas(self.layout) if file.deployment_id == deployment_id]
        if not files:
            ensure_up(self.layout, self.supervisor)
        return sorted(map(_replica, files), key=lambda replica: replica.index)

    def routed(self) -> int:
        """Return the revision that the gateway follows; 0 while it does not answer."""
        self._require_not_down()
        status = gateway_status(self.layout)
        if status is None:
            ensure_up(self.layout, self.supervisor)
            return 0
        return status.revision

    def traffic(self) -> Traffic:
        """Return the gateway's counts."""
        status = gateway_status(self.layout)
        if status is None:
            raise TaskError("the gateway does not answer, so its counts are unknown")
        return Traffic(
            epoch=status.epoch,
            deployments={
                name: DeploymentTraffic.from_json(counts.model_dump())
                for name, counts in status.counts.items()
            },
        )

    def stop(self, deployment_id: str) -> None:
        """Leave it to the supervisor, which ends what the store does not demand."""
        del deployment_id

    def _require_not_down(self) -> None:
        """Nothing can be said of a version whose environment is being taken down."""
        if self.layout.down.exists():
            raise ConflictError(
                "the environment is down; what is in progress there resumes after pytest-mlops up"
            )


def _replica(file: ReplicaFile) -> Replica:
    alive = lives(file.identity)
    return Replica(
        deployment_id=file.deployment_id,
        index=file.index,
        host=file.host,
        port=file.port,
        alive=alive,
        ready=alive and file.ready,
        restarts=file.restarts,
        deaths=file.deaths,
        message=file.message,
    )
