"""The local target: replicas are processes of this machine, behind a gateway, kept by a supervisor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from pytest_mlops.deploy.arms import arm_from_json
from pytest_mlops.deploy.supervisor.control import ensure_up
from pytest_mlops.deploy.supervisor.processes import Identity, lives, read_json
from pytest_mlops.deploy.targets.base import Replica, Traffic
from pytest_mlops.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.deploy.paths import Layout

__all__ = ["LocalTarget"]

_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class LocalTarget:
    """The target of an environment on this machine; see :class:`~pytest_mlops.deploy.targets.base.Target`.

    It starts and ends nothing itself: the supervisor does, as the store wants it.

    Attributes:
        layout: Where the environment's files lie.
        command: What starts a supervisor in the foreground.
    """

    layout: Layout
    command: Sequence[str]
    _client: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=_SECONDS, trust_env=False), repr=False
    )

    def start(self, deployment_id: str) -> None:
        """Make sure that a supervisor runs, which starts what the store wants."""
        del deployment_id
        ensure_up(self.layout, self.command)

    def replicas(self, deployment_id: str) -> Sequence[Replica]:
        """Return the replicas as their files say, held against the processes that run."""
        found = []
        for path in sorted(self.layout.replicas.glob("[!.]*.json")):
            values = read_json(path)
            if values is None or values.get("deployment_id") != deployment_id:
                continue
            found.append(_replica(values))
        if not found:
            ensure_up(self.layout, self.command)
        return found

    def routed(self) -> int:
        """Return the revision that the gateway follows; 0 while it does not answer."""
        status = self._status()
        if status is None:
            ensure_up(self.layout, self.command)
            return 0
        return int(status["revision"])

    def in_flight(self, deployment_id: str) -> int:
        """Return how many requests the gateway has under way at a deployment."""
        status = self._status()
        return 0 if status is None else int(dict(status["in_flight"]).get(deployment_id, 0))

    def traffic(self) -> Traffic:
        """Return the gateway's counts."""
        status = self._status()
        if status is None:
            raise TaskError("the gateway does not answer, so its counts cannot be had")
        return Traffic(
            epoch=str(status["epoch"]),
            arms={name: arm_from_json(counts) for name, counts in dict(status["counts"]).items()},
        )

    def stop(self, deployment_id: str) -> None:
        """Leave it to the supervisor, which ends what the store does not want."""
        del deployment_id

    def _status(self) -> dict[str, Any] | None:
        values = read_json(self.layout.gateway)
        if values is None:
            return None
        try:
            answer = self._client.get(
                f"http://127.0.0.1:{values['control_port']}/status",
                headers={"authorization": f"Bearer {values['token']}"},
            )
            told = answer.raise_for_status().json()
        except (httpx.HTTPError, KeyError, ValueError):
            return None
        return told if isinstance(told, dict) else None


def _replica(values: dict[str, Any]) -> Replica:
    return Replica(
        deployment_id=str(values["deployment_id"]),
        index=int(values["index"]),
        host=str(values["host"]),
        port=int(values["port"]),
        alive=lives(Identity.of(values)),
        restarts=int(values.get("restarts", 0)),
        message=str(values.get("message", "")),
    )
