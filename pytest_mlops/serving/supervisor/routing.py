"""The one writer of routes: pointer and replicas, put together and in force at the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_mlops.serving.processes import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
    from pytest_mlops.serving.supervisor.requested import Snapshot
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.pointer import Pointer

__all__ = ["ReplicaView", "Routing", "make_routes"]


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


_PAUSE = 0.2
"""Seconds until a gateway that did not follow is told again, or asked what it has under way."""


@dataclass(kw_only=True)
class Routing:
    """Keeps the gateway at what the pointer says.

    Attributes:
        layout: Where the file of routes lies.
        gateway: The gateway.
        environment: Name of the environment.
        say: Takes a line for the log.
    """

    layout: Layout
    gateway: GatewayProcess
    environment: str
    say: Callable[[str], None]
    _routes: dict[str, Any] = field(default_factory=dict)
    _generation: int | None = None
    _written: bool = False
    _next_tell: float = 0.0
    _next_ask: float = 0.0
    _refused: int = -1
    _in_flight: dict[str, int] | None = None

    def follow(self, snapshot: Snapshot, replicas: Mapping[str, Sequence[ReplicaView]], now: float) -> None:
        """Write new routes where something changed, and tell the gateway.

        Raises:
            OSError: they cannot be written; the gateway was told all the same.
        """
        if self._generation is None:
            self._generation = self._last_generation()
        versions = {name: each.plan.version for name, each in snapshot.wanted.items()}
        routes = make_routes(
            snapshot.pointer,
            replicas,
            versions,
            environment=self.environment,
            generation=self._generation,
        )
        if routes != self._routes:
            self._generation += 1
            self._routes = {**routes, "generation": self._generation}
            self._next_tell = 0.0
            self._written = False
        try:
            # First the file: were its writer killed in between, its successor would count from an old number.
            if not self._written:
                write_json(self.layout.routes, self._routes)
                self._written = True
        finally:
            if now >= self._next_tell:
                self._tell(now)

    def quiet(self, now: float) -> Mapping[str, int] | None:
        """Return replica -> requests under way; ``None`` where the gateway may send it more."""
        if now >= self._next_ask:
            self._next_ask = now + _PAUSE
            status = self.gateway.status()
            follows = status is not None and status.get("generation", -1) >= self._routes.get("generation", 0)
            self._in_flight = dict(status["in_flight_replicas"]) if status is not None and follows else None
        return self._in_flight

    def _tell(self, now: float) -> None:
        if self.gateway.tell(self._routes):
            self._next_tell = now
            return
        self._next_tell = now + _PAUSE
        status = self.gateway.status()
        if status is None:
            return
        known = int(status.get("generation", 0))
        if known > self._routes["generation"]:
            # The file of routes was lost, or is older: count on from what the gateway knows.
            self._generation = known
            self._routes = {}
        elif self._refused != self._routes["generation"]:
            self._refused = self._routes["generation"]
            self.say(f"the gateway does not take the routes of revision {self._routes['revision']}")

    def _last_generation(self) -> int:
        value = (read_json(self.layout.routes) or {}).get("generation")
        return value if isinstance(value, int) and value >= 0 else 0
