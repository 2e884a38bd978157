"""All replicas of an environment: those that have to run, and those on their way out."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_mlops.deploy.health.endpoint import Endpoint
from pytest_mlops.deploy.supervisor.departures import Departure
from pytest_mlops.deploy.supervisor.limits import not_enforced
from pytest_mlops.deploy.supervisor.logs import rotate
from pytest_mlops.deploy.supervisor.processes import (
    GATEWAY,
    SUPERVISOR,
    find_marked,
    read_json,
    send_signal,
)
from pytest_mlops.deploy.supervisor.recorded import owned_of
from pytest_mlops.deploy.supervisor.replica import ReplicaProcess
from pytest_mlops.records.health import HealthState

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import psutil

    from pytest_mlops.deploy.health.monitor import HealthMonitor
    from pytest_mlops.deploy.paths import Layout
    from pytest_mlops.deploy.supervisor.routes import ReplicaView
    from pytest_mlops.deploy.supervisor.wanted import Snapshot, Wanted

__all__ = ["Fleet"]

_GRACE = 10.0
_TICK = 0.02


@dataclass(kw_only=True)
class Fleet:
    """The replicas of an environment.

    Attributes:
        layout: Where their files lie.
        monitor: Watches their health.
        say: Takes a line for the log.
        drain: Seconds that requests under way have before a replica is ended.
        died: Is told the deployment of each replica that has died.
    """

    layout: Layout
    monitor: HealthMonitor
    say: Callable[[str], None]
    drain: float
    died: Callable[[str], None]
    _replicas: dict[tuple[str, int], ReplicaProcess] = field(default_factory=dict)
    _leaving: dict[str, Departure] = field(default_factory=dict)
    _found: bool = False
    _troubles: dict[str, str] = field(default_factory=dict)

    def bring_to(self, snapshot: Snapshot, uncounted: Counter[str], now: float) -> None:
        """Start what is missing, and let go of what nobody wants; what fails at one does not touch the others.

        Args:
            snapshot: What is wanted.
            uncounted: Deaths that it does not know of.
            now: Seconds since the epoch.
        """
        places = [(name, index) for name, each in snapshot.wanted.items() for index in range(each.replicas)]
        wanted = set(places)
        for place in [place for place in self._replicas if place not in wanted]:
            if place[0] not in snapshot.unreadable:
                replica = self._replicas.pop(place)
                self._guard(replica.name, lambda replica=replica: self._let_leave(replica, now))
        for name, index in places:
            each = snapshot.wanted[name]
            self._guard(f"{name}.{index}", lambda each=each, i=index: self._keep(each, i, uncounted, now))
        if not self._found:
            self._find_left_behind(snapshot, now)
            self._found = True

    def views(self) -> dict[str, list[ReplicaView]]:
        """Return deployment -> what the gateway has to know of its replicas."""
        views: dict[str, list[ReplicaView]] = {}
        for (name, _), replica in sorted(self._replicas.items()):
            views.setdefault(name, []).append(replica.view())
        return views

    def let_go(self, quiet: Callable[[], Mapping[str, int] | None], now: float) -> None:
        """Bring every replica that is on its way out nearer to its end.

        Args:
            quiet: Asks for replica -> requests under way; ``None`` where that is not known.
            now: Seconds since the epoch.
        """
        draining = [each for each in self._leaving.values() if each.is_draining]
        busy = quiet() if draining else None
        for each in list(self._leaving.values()):
            idle = busy is not None and busy.get(each.name, 0) == 0
            self._guard(each.name, lambda each=each, idle=idle: self._push(each, now, idle, self.drain))

    def keep_to_limits(self) -> None:
        """Kill replicas that take more memory than they may, and move long logs aside."""
        for replica in self._replicas.values():
            self._guard(replica.name, lambda replica=replica: self._limit(replica))

    def end_all(self, *, grace: float) -> None:
        """End every replica, each within its own time and within ``grace``; return when nothing is left."""
        now = time.time()
        for replica in self._replicas.values():
            self._leaving[replica.name] = replica.leave(now)
        self._replicas.clear()
        for each in self._leaving.values():
            each.grace = min(each.grace, grace)
        give_up = time.monotonic() + grace + _GRACE
        while self._leaving and time.monotonic() < give_up:
            for each in list(self._leaving.values()):
                self._guard(each.name, lambda each=each: self._push(each, time.time(), True, 0.0))
            time.sleep(_TICK)

    def _keep(self, wanted: Wanted, index: int, uncounted: Counter[str], now: float) -> None:
        name = wanted.plan.deployment_id
        replica = self._replicas.get((name, index)) or self._take_in(wanted, index)
        if replica is None:
            return
        died = replica.bury()
        if died is not None:
            self._note_death(replica, died)
            uncounted[name] += 1
        has_tries = wanted.tries is None or wanted.tries - uncounted[name] > 0
        if replica.may_start(now) and has_tries:
            failed = replica.start()
            if failed is not None:
                self._note_death(replica, failed)
                uncounted[name] += 1
            else:
                self.say(f"{replica.name} starts on port {replica.port}")
                self._watch(replica)
        self._look_at_health(replica)
        replica.write()

    def _take_in(self, wanted: Wanted, index: int) -> ReplicaProcess | None:
        """Return a replica for a place; ``None`` while the one before it ends."""
        replica = ReplicaProcess(plan=wanted.plan, index=index, layout=self.layout)
        leaving = self._leaving.get(replica.name)
        if leaving is not None and not leaving.is_draining:
            return None
        self._leaving.pop(replica.name, None)  # it is wanted again, and its process is adopted below
        self._replicas[wanted.plan.deployment_id, index] = replica
        if replica.adopt():
            self._note_death(replica, replica.death)
        elif replica.owned is not None:
            self.say(f"adopts {replica.name}, process {replica.owned.identity.pid}")
            self._watch(replica)
        words = not_enforced(wanted.plan.environment.config)
        if words and index == 0:
            self.say(f"{wanted.plan.deployment_id}: {words}")
        return replica

    def _note_death(self, replica: ReplicaProcess, how: str) -> None:
        self.say(f"{replica.name} {how}")
        self.monitor.forget(replica.name)
        self.died(replica.plan.deployment_id)

    def _watch(self, replica: ReplicaProcess) -> None:
        endpoint = Endpoint(host=replica.host, port=replica.port)
        self.monitor.watch(replica.name, endpoint, replica.plan.service_checks)

    def _look_at_health(self, replica: ReplicaProcess) -> None:
        if replica.owned is None:
            return
        state, replica.health = self.monitor.state(replica.name)
        # What was ready stays so until it is known to be otherwise, as right after it was adopted.
        undecided = state in {HealthState.UNKNOWN, HealthState.STARTING}
        replica.ready = state is HealthState.HEALTHY or (replica.ready and undecided)
        replica.was_ready = replica.was_ready or replica.ready

    def _let_leave(self, replica: ReplicaProcess, now: float) -> None:
        self._leaving[replica.name] = replica.leave(now)
        self.monitor.forget(replica.name)

    def _push(self, each: Departure, now: float, idle: bool, drain: float) -> None:  # noqa: FBT001
        if each.push(now, quiet=idle, drain=drain):
            del self._leaving[each.name]
            each.path.unlink(missing_ok=True)
            self.say(f"{each.name} has ended")

    def _limit(self, replica: ReplicaProcess) -> None:
        rotate(replica.log)
        taken = replica.keep_to_memory()
        if taken is not None:
            self.say(f"{replica.name} {taken}")

    def _find_left_behind(self, snapshot: Snapshot, now: float) -> None:
        """Find what an earlier supervisor left that is not wanted, or that nobody wrote down."""
        known = {(replica.name, str(replica.port)) for replica in self._replicas.values() if replica.owned}
        for path in self.layout.replicas.glob("[!.]*.json"):
            values = read_json(path) or {}
            name, place = f"{values.get('deployment_id')}.{values.get('index')}", values.get("deployment_id")
            if place in snapshot.unreadable:
                known.add((name, str(values.get("port"))))
            elif self.layout.replica(name) != path or name not in {each.name for each in self._replicas.values()}:
                departure = self._departure(path, values, name, now)
                if departure is not None:
                    self._leaving[name] = departure
                    known.add((name, str(values.get("port"))))
                else:
                    path.unlink(missing_ok=True)
        for each in find_marked(self.layout.root):
            if each.marker not in {GATEWAY, SUPERVISOR} and (each.replica, each.port) not in known:
                self.say(f"ends process {each.process.pid} of {each.replica or each.marker}, which nobody knows")
                send_signal([each.process], signal.SIGKILL)

    def _departure(self, path: Path, values: dict[str, Any], name: str, now: float) -> Departure | None:
        owned = owned_of(values, self.layout, str(values.get("deployment_id")), name)
        if owned is None:
            return None
        port, grace = str(values.get("port")), values.get("stop_grace")

        def left_behind() -> list[psutil.Process]:
            marked = find_marked(self.layout.root)
            return [each.process for each in marked if (each.replica, each.port) == (name, port)]

        return Departure(
            name=name,
            owned=owned,
            left_behind=left_behind,
            path=path,
            grace=float(grace) if isinstance(grace, int | float) and grace >= 0 else _GRACE,
            since=now,
        )

    def _guard(self, name: str, act: Callable[[], None]) -> None:
        """Act on one replica; say once of what goes wrong, which the next round tries again."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 -- the others have to be looked after all the same
            words = f"{type(error).__name__}: {error}"
            if self._troubles.get(name) != words:
                self.say(f"{name}: {words}")
            self._troubles[name] = words
        else:
            self._troubles.pop(name, None)
