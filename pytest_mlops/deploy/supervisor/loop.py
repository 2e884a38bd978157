"""The supervisor's loop: looks at what is wanted and what runs, and brings the second to the first."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil

from pytest_mlops.deploy.health.endpoint import Endpoint
from pytest_mlops.deploy.health.monitor import HealthMonitor
from pytest_mlops.deploy.supervisor.endings import Endings
from pytest_mlops.deploy.supervisor.lock import hold_lock
from pytest_mlops.deploy.supervisor.processes import read_json, rotate, write_json
from pytest_mlops.deploy.supervisor.replica import ReplicaProcess
from pytest_mlops.deploy.supervisor.routes import make_routes
from pytest_mlops.deploy.supervisor.wanted import WantedReader, count_death
from pytest_mlops.errors import MLOpsError, StoreError
from pytest_mlops.records.health import HealthState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_mlops.deploy.paths import Layout
    from pytest_mlops.deploy.pointer import Pointer
    from pytest_mlops.deploy.supervisor.gateway_process import GatewayProcess
    from pytest_mlops.deploy.supervisor.wanted import Wanted
    from pytest_mlops.store.engine import Store

__all__ = ["Supervisor"]

_TICK = 0.02
_TICK_OF_SERVER = 0.2
_SLOW_TICK = 1.0
_RECOVER_SECONDS = 0.2


@dataclass(kw_only=True)
class Supervisor:
    """Owns the processes of one environment on this machine.

    Attributes:
        store: The store.
        environment: Name of the environment.
        layout: Where its files lie.
        gateway: The gateway's process.
        drain: Seconds that requests under way have before a replica is ended.
        command: What starts a supervisor like this one, for whoever finds that it has died.
        recover: Goes on with a deployment that nobody carries out; called from a thread, time and again while
            one is under way.
        say: Takes a line for the log.
    """

    store: Store
    environment: str
    layout: Layout
    gateway: GatewayProcess
    drain: float
    command: Sequence[str]
    recover: Callable[[], object] = lambda: None
    say: Callable[[str], None] = field(default_factory=lambda: _say)
    _replicas: dict[tuple[str, int], ReplicaProcess] = field(default_factory=dict)
    _endings: Endings = field(default_factory=Endings)
    _stop: threading.Event = field(default_factory=threading.Event)
    _routes: dict[str, Any] = field(default_factory=dict)
    _outage: str = ""
    _seen: bool = False
    _under_way: bool = False
    _deaths: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Run until :meth:`stop` or ``down``; what is supervised goes on without it.

        Raises:
            ConflictError: a supervisor of this environment runs already.
        """
        with hold_lock(self.layout.supervisor_lock), HealthMonitor() as monitor:
            self._begin()
            recovering = threading.Thread(target=self._recover_on, name="recovery", daemon=True)
            recovering.start()
            tick = _TICK if self.store.url.startswith("sqlite") else _TICK_OF_SERVER
            reader = WantedReader(store=self.store, environment=self.environment, say=self.say)
            next_slow = 0.0
            while not self._stop.wait(tick):
                now = time.time()
                self._tick(reader, monitor, now)
                if now >= next_slow:
                    next_slow = now + _SLOW_TICK
                    self._slow_tick()

    def stop(self) -> None:
        """End the loop; processes go on, for the next supervisor to adopt."""
        self._stop.set()

    def _begin(self) -> None:
        write_json(
            self.layout.supervisor,
            {
                "pid": os.getpid(),
                "create_time": psutil.Process().create_time(),
                "started_at": time.time(),
                "command": list(self.command),
            },
        )
        self._routes = read_json(self.layout.routes) or {}
        self.layout.starting.unlink(missing_ok=True)
        self.say(f"supervises {self.environment}")

    def _tick(self, reader: WantedReader, monitor: HealthMonitor, now: float) -> None:
        wanted = self._read(reader)
        self.gateway.keep(now)
        if wanted is not None:
            if not self._seen:
                self._endings.find_left_behind(self.store, self.layout, wanted[0])
                self._seen = True
            self._start_and_end(wanted[0], monitor, now)
            self._look_at_replicas(monitor)
            self._route(*wanted)
        for name in self._endings.push(self.gateway, self._routes, drain=self.drain, now=now):
            self.say(f"{name} has ended")

    def _read(self, reader: WantedReader) -> tuple[dict[str, Wanted], Pointer] | None:
        """Return what is wanted; while the store cannot be had, everything stays as it is."""
        try:
            while self._deaths:
                count_death(self.store, self._deaths[0])
                self._deaths.pop(0)
            found = reader.read()
        except StoreError as error:
            if not self._outage:
                self.say(f"everything stays as it is, since the store failed: {error}")
            self._outage = str(error)
            self._stop.wait(_TICK_OF_SERVER)
            return None
        if self._outage:
            self.say("the store is back")
            self._outage = ""
        self._under_way = reader.under_way
        return found

    def _start_and_end(self, wanted: dict[str, Wanted], monitor: HealthMonitor, now: float) -> None:
        places = {(name, index) for name, each in wanted.items() for index in range(each.replicas)}
        for place in [place for place in self._replicas if place not in places]:
            replica = self._replicas.pop(place)
            monitor.forget(replica.name)
            self._endings.add(replica)
        for name, index in sorted(places):
            replica = self._replicas.get((name, index)) or self._add(wanted[name], index, monitor)
            if replica.bury():
                self.say(f"{replica.name} {replica.message}")
                monitor.forget(replica.name)
                self._deaths.append(name)
            if replica.may_start(now) and wanted[name].tries != 0 and name not in self._deaths:
                replica.start()
                if replica.identity is None:
                    self._deaths.append(name)
                else:
                    self.say(f"{replica.name} starts as process {replica.identity.pid}")
                    self._watch(replica, monitor)

    def _add(self, wanted: Wanted, index: int, monitor: HealthMonitor) -> ReplicaProcess:
        replica = ReplicaProcess(plan=wanted.plan, index=index, layout=self.layout)
        self._replicas[wanted.plan.deployment_id, index] = replica
        if replica.adopt():
            self.say(f"adopts {replica.name}")
            self._watch(replica, monitor)
        return replica

    def _watch(self, replica: ReplicaProcess, monitor: HealthMonitor) -> None:
        monitor.watch(
            replica.name, Endpoint(host=replica.host, port=replica.port), replica.plan.service_checks
        )

    def _look_at_replicas(self, monitor: HealthMonitor) -> None:
        for replica in self._replicas.values():
            if replica.identity is not None:
                state, message = monitor.state(replica.name)
                replica.ready = state is HealthState.HEALTHY or (
                    replica.ready and state in {HealthState.UNKNOWN, HealthState.STARTING}
                )
                replica.message = "" if replica.ready else message
            replica.write()

    def _route(self, wanted: dict[str, Wanted], pointer: Pointer) -> None:
        views: dict[str, list[Any]] = {}
        for (name, _), replica in sorted(self._replicas.items()):
            views.setdefault(name, []).append(replica.view())
        versions = {name: each.plan.version for name, each in wanted.items()}
        routes = make_routes(pointer, views, versions, environment=self.environment)
        before = {key: value for key, value in self._routes.items() if key != "generation"}
        if routes != before:
            generation = int(self._routes.get("generation", 0)) + 1
            self._routes = {"generation": generation, **routes}
            write_json(self.layout.routes, self._routes)
        if not self.gateway.tell(self._routes):
            self._catch_up()

    def _catch_up(self) -> None:
        """Count on from what the gateway knows, where that is newer: the file of routes was lost."""
        status = self.gateway.status()
        if status is not None and int(status.get("generation", 0)) > self._routes["generation"]:
            self._routes["generation"] = int(status["generation"]) + 1
            write_json(self.layout.routes, self._routes)

    def _slow_tick(self) -> None:
        for replica in self._replicas.values():
            if replica.over_memory():
                self.say(f"{replica.name} {replica.message}")
            rotate(replica.log)
        rotate(self.layout.logs / "gateway.log")
        rotate(self.layout.logs / "supervisor.log")
        if self.layout.down.exists():
            self.say("ends, since down was asked for")
            self.stop()

    def _recover_on(self) -> None:
        """Take over what nobody carries out; one failure is told once, and tried again."""
        last = ""
        while not self._stop.wait(_RECOVER_SECONDS):
            if not self._under_way:
                continue
            try:
                self.recover()
                last = ""
            except MLOpsError as error:
                if str(error) != last:
                    self.say(f"cannot go on with a deployment: {error}")
                last = str(error)
                self._stop.wait(_SLOW_TICK)


def _say(line: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {line}\n")
    sys.stdout.flush()
