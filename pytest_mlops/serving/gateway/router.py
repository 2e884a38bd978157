"""The table of routes in force, with the replicas that still have requests of an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import ConflictError
from pytest_mlops.serving.gateway.traffic_split import WeightedChoice, drawn
from pytest_mlops.serving.gateway.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pytest_mlops.serving.gateway_protocol import ReplicaAddress, Route, Routes, ShadowRoute

__all__ = ["ReplicaPool", "Router"]


class ReplicaPool:
    """A deployment with its replicas, which take turns.

    Attributes:
        deployment: The deployment.
        version: What it serves.
        upstreams: Its ready replicas.
    """

    def __init__(self, route: Route | ShadowRoute, upstreams: Sequence[Upstream], turn: int) -> None:
        self.deployment = route.deployment
        self.version = route.version
        self.upstreams = upstreams
        self.turn = turn

    def next(self, tried: Collection[Upstream] = ()) -> Upstream | None:
        """Return the replica whose turn it is, of those not tried yet."""
        for _ in self.upstreams:
            self.turn = (self.turn + 1) % len(self.upstreams)
            upstream = self.upstreams[self.turn]
            if upstream not in tried:
                return upstream
        return None


class Router:
    """Decides where a request goes. A new table is in force from one request to the next.

    Attributes:
        routes: The table in force; ``None`` before the first.
        shadows: Deployments that get copies, each with its share.
    """

    def __init__(self) -> None:
        self.routes: Routes | None = None
        self.shadows: Sequence[tuple[float, ReplicaPool]] = ()
        self._pools: dict[str, ReplicaPool] = {}
        self._choice = WeightedChoice({})
        self._upstreams: dict[ReplicaAddress, Upstream] = {}

    def swap(self, routes: Routes) -> None:
        """Put a table in force.

        Raises:
            ConflictError: a newer one already is.
        """
        if self.routes is not None and routes.generation < self.routes.generation:
            raise ConflictError(
                f"generation {routes.generation} is older than the current generation "
                f"{self.routes.generation}"
            )
        before = {**{pool.deployment: pool for _, pool in self.shadows}, **self._pools}
        upstreams = dict(self._upstreams)

        def pool(route: Route | ShadowRoute) -> ReplicaPool:
            members = []
            for address in route.replicas:
                if address not in upstreams:
                    upstreams[address] = Upstream(address=address, deployment=route.deployment)
                members.append(upstreams[address])
            turn = before[route.deployment].turn if route.deployment in before else -1
            return ReplicaPool(route, members, turn)

        self._pools = {route.deployment: pool(route) for route in routes.routes}
        self.shadows = tuple((route.share, pool(route)) for route in routes.shadow)
        weights = {route.deployment: route.weight for route in routes.routes if route.replicas}
        self._choice = WeightedChoice(weights, before=self._choice)
        self.routes, self._upstreams = routes, upstreams
        self._close_gone()

    @property
    def serving(self) -> bool:
        """Whether some deployment with a weight has a replica."""
        return bool(self._choice)

    def choose(self) -> ReplicaPool | None:
        """Return the deployment whose turn it is; ``None`` where nothing serves."""
        return self._pools[self._choice.next()] if self._choice else None

    def current(self, pool: ReplicaPool) -> ReplicaPool | None:
        """Return a deployment as the table in force has it; ``None`` where that has it no more."""
        return self._pools.get(pool.deployment)

    def copies(self, identity: str) -> Sequence[ReplicaPool]:
        """Return the deployments that get a copy of a request, drawn by its id."""
        if not self.shadows:
            return ()
        return [
            pool
            for share, pool in self.shadows
            if pool.upstreams and drawn(identity, share, salt=pool.deployment)
        ]

    def release(self, upstream: Upstream) -> None:
        """Take note that a replica has one request less under way."""
        upstream.in_flight -= 1
        if upstream.in_flight == 0 and upstream.gone:
            self._close_gone()

    def _close_gone(self) -> None:
        used = {upstream for pool in self._pools.values() for upstream in pool.upstreams}
        used.update(upstream for _, pool in self.shadows for upstream in pool.upstreams)
        for address, upstream in list(self._upstreams.items()):
            upstream.gone = upstream not in used
            if upstream.gone and upstream.in_flight == 0:
                del self._upstreams[address]
                upstream.close()

    def in_flight(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return requests under way by deployment and by replica, those of older tables too."""
        deployments: dict[str, int] = dict.fromkeys(self._pools, 0)
        deployments.update({pool.deployment: 0 for _, pool in self.shadows})
        replicas: dict[str, int] = {}
        for upstream in self._upstreams.values():
            count = upstream.in_flight
            deployments[upstream.deployment] = deployments.get(upstream.deployment, 0) + count
            replicas[upstream.address.id] = replicas.get(upstream.address.id, 0) + count
        return deployments, replicas

    def close(self) -> None:
        """Close every idle connection to every replica."""
        for upstream in self._upstreams.values():
            upstream.close()
