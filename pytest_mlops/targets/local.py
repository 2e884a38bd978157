"""The local target: replicas are processes of this machine, behind a gateway, kept by a supervisor."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import ConflictError, TaskError
from pytest_mlops.serving.gateway_client import gateway_status
from pytest_mlops.serving.processes import Identity, lives, read_json
from pytest_mlops.serving.supervisor.lifecycle import ensure_up
from pytest_mlops.targets.protocol import Replica
from pytest_mlops.targets.traffic import DeploymentTraffic, Traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.serving.supervisor.lifecycle import Start
    from pytest_mlops.state.paths import Layout

__all__ = ["LocalTarget"]


@dataclass(frozen=True, kw_only=True)
class LocalTarget:
    """The target of an environment on this machine; see :class:`~pytest_mlops.targets.protocol.Target`.

    It starts and ends nothing itself: the supervisor does, as the store wants it.

    Attributes:
        layout: Where the environment's files lie.
        supervisor: How its supervisor is started.
    """

    layout: Layout
    supervisor: Start

    def require_up(self) -> None:
        """Make sure that a supervisor runs."""
        ensure_up(self.layout, self.supervisor)

    def start(self, deployment_id: str) -> None:
        """Make sure that a supervisor runs, which starts what the store wants."""
        del deployment_id
        ensure_up(self.layout, self.supervisor)

    def replicas(self, deployment_id: str) -> Sequence[Replica]:
        """Return the replicas as their files say, held against the processes that run."""
        self._require_not_down()
        found = []
        for path in self.layout.replicas.glob("[!.]*.json"):
            values = read_json(path)
            if values is None or values.get("deployment_id") != deployment_id:
                continue
            # One that cannot be read is about to be written anew by whoever supervises.
            with contextlib.suppress(KeyError, TypeError, ValueError):
                found.append(_replica(values))
        if not found:
            ensure_up(self.layout, self.supervisor)
        return sorted(found, key=lambda replica: replica.index)

    def routed(self) -> int:
        """Return the revision that the gateway follows; 0 while it does not answer."""
        self._require_not_down()
        status = gateway_status(self.layout)
        if status is None:
            ensure_up(self.layout, self.supervisor)
            return 0
        return int(status["revision"])

    def traffic(self) -> Traffic:
        """Return the gateway's counts."""
        status = gateway_status(self.layout)
        if status is None:
            raise TaskError("the gateway does not answer, so its counts cannot be had")
        return Traffic(
            epoch=str(status["epoch"]),
            deployments={
                name: DeploymentTraffic.from_json(counts) for name, counts in dict(status["counts"]).items()
            },
        )

    def stop(self, deployment_id: str) -> None:
        """Leave it to the supervisor, which ends what the store does not want."""
        del deployment_id

    def _require_not_down(self) -> None:
        """Nothing can be said of a version whose environment is being taken down."""
        if self.layout.down.exists():
            raise ConflictError(
                "the environment is down; what is under way there goes on after pytest-mlops up"
            )


def _replica(values: dict[str, Any]) -> Replica:
    alive = lives(Identity.of(values))
    return Replica(
        deployment_id=str(values["deployment_id"]),
        index=int(values["index"]),
        host=str(values["host"]),
        port=int(values["port"]),
        alive=alive,
        ready=alive and bool(values.get("ready")),
        restarts=int(values.get("restarts", 0)),
        deaths=int(values.get("deaths", 0)),
        message=str(values.get("message", "")),
    )
