"""What the gateway is told: pointer and replicas, put together. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.state.pointer import Pointer

__all__ = ["ReplicaView", "make_routes"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicaView:
    """What the gateway has to know of a replica.

    Attributes:
        name: As ``production.7.0``.
        host: Where it listens.
        port: Where it listens.
        alive: Whether its process runs, and is not about to end.
        ready: Whether its health checks are healthy.
        was_ready: Whether they ever were since the process was started.
    """

    name: str
    host: str
    port: int
    alive: bool
    ready: bool
    was_ready: bool


def make_routes(
    pointer: Pointer,
    replicas: Mapping[str, Sequence[ReplicaView]],
    versions: Mapping[str, str],
    *,
    environment: str,
    generation: int,
) -> dict[str, Any]:
    """Return the table of routes.

    Args:
        pointer: Of the environment.
        replicas: Deployment -> its replicas.
        versions: Deployment -> its version, for people.
        environment: Its name.
        generation: Number of the table.
    """
    return {
        "generation": generation,
        "revision": pointer.revision,
        "environment": environment,
        "routes": [
            {
                "deployment": name,
                "version": versions.get(name, name),
                "weight": weight,
                "replicas": _addresses(replicas.get(name, ())),
            }
            for name, weight in sorted(pointer.weights.items())
        ],
        "shadow": [
            {
                "deployment": name,
                "version": versions.get(name, name),
                "share": share,
                "replicas": _addresses(replicas.get(name, ())),
            }
            for name, share in sorted(pointer.shadow.items())
        ],
    }


def _addresses(replicas: Sequence[ReplicaView]) -> list[dict[str, Any]]:
    """Return the ready replicas; where none is, those that run and were ready before.

    A health check may time out of replicas that answer all the same, as under a burst of requests. To take
    the last of them away would turn a slow service into none, so a request is better sent there than refused.
    One that was never ready is left out: as far as anybody knows it does not listen yet.
    """
    alive = [each for each in replicas if each.alive]
    chosen = [each for each in alive if each.ready] or [each for each in alive if each.was_ready]
    return [{"id": each.name, "host": each.host, "port": each.port} for each in chosen]
