"""The one writer of routes: from pointer, to table, to the gateway."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.serving.gateway_protocol import ReplicaAddress, Route, Routes, ShadowRoute
from pytest_mlops.serving.versioned import load, save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
    from pytest_mlops.serving.supervisor.requested import Snapshot
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.pointer import Pointer

__all__ = ["ReplicaView", "Routing", "make_routes"]

_PAUSE = 0.2
"""Seconds until routes that are not in force are sent again, or a status is asked for again."""

_log = logging.getLogger(__name__)


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
) -> Routes:
    """Return the table of routes.

    Args:
        pointer: Of the environment.
        replicas: Deployment -> its replicas.
        versions: Deployment -> its version, for people.
        environment: Its name.
        generation: Number of the table.
    """
    return Routes(
        generation=generation,
        revision=pointer.revision,
        environment=environment,
        routes=tuple(
            Route(
                deployment=name,
                version=versions.get(name, name),
                weight=weight,
                replicas=_addresses(replicas.get(name, ())),
            )
            for name, weight in sorted(pointer.weights.items())
        ),
        shadow=tuple(
            ShadowRoute(
                deployment=name,
                version=versions.get(name, name),
                share=share,
                replicas=_addresses(replicas.get(name, ())),
            )
            for name, share in sorted(pointer.shadow.items())
        ),
    )


def _addresses(replicas: Sequence[ReplicaView]) -> tuple[ReplicaAddress, ...]:
    """Return the ready replicas; where none is, those that run and were ready before.

    A health check may time out of replicas that answer all the same, as under a burst of requests. To take
    the last of them away would turn a slow service into none, so a request is better sent there than refused.
    One that was never ready is left out: as far as is known it does not listen yet.
    """
    alive = [each for each in replicas if each.alive]
    chosen = [each for each in alive if each.ready] or [each for each in alive if each.was_ready]
    return tuple(ReplicaAddress(id=each.name, host=each.host, port=each.port) for each in chosen)


@dataclass(kw_only=True)
class Routing:
    """Keeps the gateway at what the pointer requests.

    Attributes:
        layout: Where the file of routes lies.
        gateway: The gateway.
        environment: Name of the environment.
    """

    layout: Layout
    gateway: GatewayProcess
    environment: str
    _routes: Routes | None = None
    _generation: int | None = None
    _written: bool = False
    _next_send: float = 0.0
    _next_status: float = 0.0
    _refused: int = -1
    _in_flight: dict[str, int] | None = None

    def follow(self, snapshot: Snapshot, replicas: Mapping[str, Sequence[ReplicaView]], now: float) -> None:
        """Write new routes where something changed, and send them to the gateway.

        Raises:
            OSError: they cannot be written; they were sent all the same.
        """
        routes = self._updated(snapshot, replicas)
        try:
            # First the file: were its writer killed in between, its successor would count from an old number.
            if not self._written:
                save(self.layout.routes, routes)
                self._written = True
        finally:
            if now >= self._next_send:
                self._send(routes, now)

    def in_flight(self, now: float) -> Mapping[str, int] | None:
        """Return replica -> requests under way; ``None`` where the gateway may send it more."""
        if now >= self._next_status:
            self._next_status = now + _PAUSE
            status, routes = self.gateway.status(), self._routes
            follows = status is not None and (routes is None or status.generation >= routes.generation)
            self._in_flight = status.in_flight_replicas if status is not None and follows else None
        return self._in_flight

    def _updated(self, snapshot: Snapshot, replicas: Mapping[str, Sequence[ReplicaView]]) -> Routes:
        """Return the routes of a snapshot, with the next generation where they are other than before."""
        if self._generation is None:
            before = load(Routes, self.layout.routes)
            self._generation = 0 if before is None else before.generation
        versions = {name: each.plan.version for name, each in snapshot.requested.items()}
        routes = make_routes(
            snapshot.pointer,
            replicas,
            versions,
            environment=self.environment,
            generation=self._generation,
        )
        if self._routes is not None and routes == self._routes:
            return routes
        self._generation += 1
        self._routes = routes.model_copy(update={"generation": self._generation})
        self._next_send = 0.0
        self._written = False
        return self._routes

    def _send(self, routes: Routes, now: float) -> None:
        reply = self.gateway.send_routes(routes)
        if reply is not None and reply.in_force:
            self._next_send = now
            return
        self._next_send = now + _PAUSE
        status = None if reply is None else self.gateway.status()
        if reply is None or status is None:
            return
        if status.generation > routes.generation:
            # The file of routes was lost, or is older: count on from what the gateway knows.
            self._generation, self._routes = status.generation, None
        elif self._refused != routes.generation:
            self._refused = routes.generation
            _log.error("the gateway refuses the routes of revision %d: %s", routes.revision, reply.error)
