"""What the gateway is told: pointer and replicas, put together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.deploy.pointer import Pointer
    from pytest_mlops.deploy.supervisor.replica import ReplicaView

__all__ = ["make_routes"]


def make_routes(
    pointer: Pointer,
    replicas: Mapping[str, Sequence[ReplicaView]],
    versions: Mapping[str, str],
    *,
    environment: str,
) -> dict[str, Any]:
    """Return the routes without their generation, which only their writer knows.

    Args:
        pointer: Of the environment.
        replicas: Deployment -> its replicas.
        versions: Deployment -> its version, for people.
        environment: Its name.
    """
    return {
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
    """Return the ready replicas, or all that live where none is ready.

    A health check may say "not ready" of replicas that answer all the same, and with none of them a client
    would surely get no answer.
    """
    ready = [each for each in replicas if each.ready] or [each for each in replicas if each.alive]
    return [{"id": each.name, "host": each.host, "port": each.port} for each in ready]
