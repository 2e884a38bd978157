"""All replicas of an environment, from their start until they have drained."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mlops.records.health import HealthState
from pytest_mlops.serving.health.probe import Endpoint
from pytest_mlops.serving.logs import rotate
from pytest_mlops.serving.processes import send_signal
from pytest_mlops.serving.supervisor.draining import find_orphans, find_unrequested
from pytest_mlops.serving.supervisor.limits import not_enforced
from pytest_mlops.serving.supervisor.replica import ReplicaProcess

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Mapping

    from pytest_mlops.serving.health.monitor import HealthMonitor
    from pytest_mlops.serving.supervisor.draining import DrainingReplica
    from pytest_mlops.serving.supervisor.requested import Requested, Snapshot
    from pytest_mlops.serving.supervisor.routing import ReplicaView
    from pytest_mlops.state.paths import Layout

__all__ = ["Fleet"]

_KILLED_SECONDS = 10.0
_TICK = 0.02
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Fleet:
    """The replicas of an environment.

    Attributes:
        layout: Where their files lie.
        monitor: Watches their health.
        drain: Seconds that requests under way have before a replica is ended.
        on_death: Called with the deployment of each replica that has died.
    """

    layout: Layout
    monitor: HealthMonitor
    drain: float
    on_death: Callable[[str], None]
    _replicas: dict[tuple[str, int], ReplicaProcess] = field(default_factory=dict)
    _draining: dict[str, DrainingReplica] = field(default_factory=dict)
    _searched: bool = False
    _problems: dict[str, str] = field(default_factory=dict)

    def reconcile(self, snapshot: Snapshot, uncounted: Counter[str], now: float) -> None:
        """Start what is missing, and drain what is not requested; what fails at one touches no other.

        Args:
            snapshot: The requested state.
            uncounted: Deaths that it does not know of.
            now: Seconds since the epoch.
        """
        slots = [(name, index) for name, each in snapshot.requested.items() for index in range(each.replicas)]
        requested = set(slots)
        for slot in [slot for slot in self._replicas if slot not in requested]:
            if slot[0] not in snapshot.unreadable:
                replica = self._replicas.pop(slot)
                with self._guarded(replica.name):
                    self._draining[replica.name] = replica.drain(now)
                    self.monitor.forget(replica.name)
        for name, index in slots:
            with self._guarded(f"{name}.{index}"):
                self._reconcile_slot(snapshot.requested[name], index, uncounted, now)
        if not self._searched:
            self._drain_leftovers(snapshot, now)
            self._searched = True

    def views(self) -> dict[str, list[ReplicaView]]:
        """Return deployment -> what the gateway has to know of its replicas."""
        views: dict[str, list[ReplicaView]] = {}
        for (name, _), replica in sorted(self._replicas.items()):
            views.setdefault(name, []).append(replica.view())
        return views

    @property
    def is_draining(self) -> bool:
        """Whether a replica waits for the requests that it still has."""
        return any(each.is_draining for each in self._draining.values())

    def advance_draining(self, in_flight: Mapping[str, int] | None, now: float) -> None:
        """Advance every replica that drains or ends.

        Args:
            in_flight: Replica -> open requests; ``None`` where that is not known.
            now: Seconds since the epoch.
        """
        for each in list(self._draining.values()):
            with self._guarded(each.name):
                idle = in_flight is not None and in_flight.get(each.name, 0) == 0
                self._advance(each, now, idle=idle, drain=self.drain)

    def enforce_limits(self) -> None:
        """Kill replicas that take more memory than they may, and move long logs aside."""
        for replica in self._replicas.values():
            with self._guarded(replica.name):
                rotate(replica.log)
                taken = replica.enforce_memory()
                if taken is not None:
                    _log.error("%s %s", replica.name, taken)

    def end_all(self, *, grace: float) -> None:
        """End every replica, each within its own time and within ``grace``; return when none is left."""
        now = time.time()
        for replica in self._replicas.values():
            self._draining[replica.name] = replica.drain(now)
        self._replicas.clear()
        for each in self._draining.values():
            each.grace = min(each.grace, grace)
        give_up = time.monotonic() + grace + _KILLED_SECONDS
        while self._draining and time.monotonic() < give_up:
            for each in list(self._draining.values()):
                with self._guarded(each.name):
                    self._advance(each, time.time(), idle=True, drain=0.0)
            time.sleep(_TICK)

    def _reconcile_slot(self, requested: Requested, index: int, uncounted: Counter[str], now: float) -> None:
        name = requested.plan.deployment_id
        replica = self._replicas.get((name, index)) or self._fill_slot(requested, index)
        if replica is None:
            return
        died = replica.reap()
        if died is not None:
            self._note_death(replica, died)
            uncounted[name] += 1
        has_budget = requested.restart_budget is None or requested.restart_budget - uncounted[name] > 0
        if replica.may_start(now) and has_budget:
            failed = replica.start()
            if failed is not None:
                self._note_death(replica, failed)
                uncounted[name] += 1
            else:
                _log.info("started %s on port %d", replica.name, replica.port)
                self._watch(replica)
        replica.settle(now)
        self._update_health(replica)
        replica.write()

    def _fill_slot(self, requested: Requested, index: int) -> ReplicaProcess | None:
        """Return a replica for a slot; ``None`` while the one before it ends."""
        replica = ReplicaProcess(plan=requested.plan, index=index, layout=self.layout)
        draining = self._draining.get(replica.name)
        if draining is not None and not draining.is_draining:
            return None
        self._draining.pop(replica.name, None)  # it is requested again
        self._replicas[requested.plan.deployment_id, index] = replica
        if replica.adopt(None if draining is None else draining.owned):
            self._note_death(replica, replica.death)
        elif replica.owned is not None:
            _log.info("adopted %s, process %d", replica.name, replica.owned.identity.pid)
            self._watch(replica)
        message = not_enforced(requested.plan.environment.config)
        if message and index == 0:
            _log.warning("%s: %s", requested.plan.deployment_id, message)
        return replica

    def _note_death(self, replica: ReplicaProcess, how: str) -> None:
        _log.error("%s %s", replica.name, how)
        self.monitor.forget(replica.name)
        self.on_death(replica.plan.deployment_id)

    def _watch(self, replica: ReplicaProcess) -> None:
        endpoint = Endpoint(host=replica.host, port=replica.port, folder=replica.plan.project)
        self.monitor.watch(replica.name, endpoint, replica.plan.service_checks)

    def _update_health(self, replica: ReplicaProcess) -> None:
        if replica.owned is None:
            return
        state, replica.health = self.monitor.state(replica.name)
        # What was ready stays so until it is known to be otherwise, as right after it was adopted.
        undecided = state in {HealthState.UNKNOWN, HealthState.STARTING}
        replica.ready = state is HealthState.HEALTHY or (replica.ready and undecided)
        replica.was_ready = replica.was_ready or replica.ready

    def _advance(self, each: DrainingReplica, now: float, *, idle: bool, drain: float) -> None:
        if each.advance(now, idle=idle, drain=drain):
            del self._draining[each.name]
            each.path.unlink(missing_ok=True)
            _log.info("%s has ended", each.name)

    def _drain_leftovers(self, snapshot: Snapshot, now: float) -> None:
        """Drain replicas of an earlier supervisor that are not requested, and end orphans."""
        names = {replica.name for replica in self._replicas.values()}
        for each in find_unrequested(self.layout, requested=names, spared=snapshot.unreadable, now=now):
            _log.info("%s is no longer requested", each.name)
            self._draining[each.name] = each
        known = {(replica.name, str(replica.port)) for replica in self._replicas.values()}
        orphans = find_orphans(self.layout, known=known, spared=snapshot.unreadable)
        if orphans:
            _log.warning("killed orphans: process %s", ", ".join(str(each.pid) for each in orphans))
            send_signal(orphans, signal.SIGKILL)

    @contextlib.contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        """Log once what goes wrong at one replica; the next round tries it again, and the others go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- the others need care all the same
            problem = f"{type(error).__name__}: {error}"
            if self._problems.get(name) != problem:
                _log.error("%s: %s", name, problem)
            self._problems[name] = problem
        else:
            self._problems.pop(name, None)
