"""Replicas that nobody wants any more: they end once their requests are answered, or their time is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_mlops.deploy.deployments import get_deployment
from pytest_mlops.deploy.supervisor.replica import ReplicaProcess
from pytest_mlops.errors import NotRegistered, SerializationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.deploy.paths import Layout
    from pytest_mlops.deploy.supervisor.gateway_process import GatewayProcess
    from pytest_mlops.deploy.supervisor.wanted import Wanted
    from pytest_mlops.store.engine import Store

__all__ = ["Endings"]


@dataclass(kw_only=True)
class Endings:
    """The replicas that are to end."""

    _replicas: list[ReplicaProcess] = field(default_factory=list)

    def add(self, replica: ReplicaProcess) -> None:
        """Let a replica end."""
        self._replicas.append(replica)

    def find_left_behind(self, store: Store, layout: Layout, wanted: Mapping[str, Wanted]) -> None:
        """Add the replicas of an earlier supervisor that nobody wants any more.

        Raises:
            StoreError: the store failed.
        """
        for path in layout.replicas.glob("[!.]*.json"):
            name, _, number = path.stem.rpartition(".")
            index = int(number) if number.isdecimal() else -1
            if name in wanted and 0 <= index < wanted[name].replicas:
                continue
            try:
                with store.read() as connection:
                    plan = get_deployment(connection, name).plan
            except (NotRegistered, SerializationError):
                path.unlink(missing_ok=True)
                continue
            replica = ReplicaProcess(plan=plan, index=index, layout=layout)
            if replica.adopt():
                self.add(replica)
            else:
                path.unlink(missing_ok=True)

    def push(
        self, gateway: GatewayProcess, routes: Mapping[str, Any], *, drain: float, now: float
    ) -> list[str]:
        """Bring every replica nearer to its end; return the names of those that have ended.

        Args:
            gateway: Says which requests are under way.
            routes: What it was last told.
            drain: Seconds after which requests are waited for no longer.
            now: Seconds since the epoch.
        """
        waiting = [replica for replica in self._replicas if replica.ending_since is None]
        quiet = _quiet(gateway, routes) if waiting else None
        for replica in waiting:
            replica.unwanted_since = replica.unwanted_since or now
            nobody_waits = quiet is not None and quiet.get(replica.name, 0) == 0
            if not replica.alive or nobody_waits or now - replica.unwanted_since > drain:
                replica.end()
        ended = [
            replica
            for replica in self._replicas
            if replica.ending_since is not None and replica.push_end(now)
        ]
        for replica in ended:
            replica.path.unlink(missing_ok=True)
            self._replicas.remove(replica)
        return [replica.name for replica in ended]


def _quiet(gateway: GatewayProcess, routes: Mapping[str, Any]) -> dict[str, int] | None:
    """Return replica -> requests under way; ``None`` where the gateway may send it more."""
    status = gateway.status()
    if status is None or int(status.get("generation", -1)) < int(routes.get("generation", 0)):
        return None
    return dict(status.get("in_flight_replicas", {}))
