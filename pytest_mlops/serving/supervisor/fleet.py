"""All replicas of an environment: those that have to run, and those on their way out."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mlops.records.health import HealthState
from pytest_mlops.serving.health.probe import Endpoint
from pytest_mlops.serving.logs import rotate
from pytest_mlops.serving.processes import send_signal
from pytest_mlops.serving.supervisor.draining import unknown, unwanted
from pytest_mlops.serving.supervisor.limits import not_enforced
from pytest_mlops.serving.supervisor.replica import ReplicaProcess

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Mapping

    from pytest_mlops.serving.health.monitor import HealthMonitor
    from pytest_mlops.serving.supervisor.draining import Departure
    from pytest_mlops.serving.supervisor.requested import Snapshot, Wanted
    from pytest_mlops.serving.supervisor.routing import ReplicaView
    from pytest_mlops.state.paths import Layout

__all__ = ["Fleet"]

_KILLED_SECONDS = 10.0
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
        """Start what is missing, and let go of what nobody wants; what fails at one touches no other.

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
                with self._guarded(replica.name):
                    self._leaving[replica.name] = replica.leave(now)
                    self.monitor.forget(replica.name)
        for name, index in places:
            with self._guarded(f"{name}.{index}"):
                self._keep(snapshot.wanted[name], index, uncounted, now)
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
            with self._guarded(each.name):
                quiet_now = busy is not None and busy.get(each.name, 0) == 0
                self._push(each, now, quiet=quiet_now, drain=self.drain)

    def keep_to_limits(self) -> None:
        """Kill replicas that take more memory than they may, and move long logs aside."""
        for replica in self._replicas.values():
            with self._guarded(replica.name):
                rotate(replica.log)
                taken = replica.keep_to_memory()
                if taken is not None:
                    self.say(f"{replica.name} {taken}")

    def end_all(self, *, grace: float) -> None:
        """End every replica, each within its own time and within ``grace``; return when nothing is left."""
        now = time.time()
        for replica in self._replicas.values():
            self._leaving[replica.name] = replica.leave(now)
        self._replicas.clear()
        for each in self._leaving.values():
            each.grace = min(each.grace, grace)
        give_up = time.monotonic() + grace + _KILLED_SECONDS
        while self._leaving and time.monotonic() < give_up:
            for each in list(self._leaving.values()):
                with self._guarded(each.name):
                    self._push(each, time.time(), quiet=True, drain=0.0)
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
        replica.settle(now)
        self._look_at_health(replica)
        replica.write()

    def _take_in(self, wanted: Wanted, index: int) -> ReplicaProcess | None:
        """Return a replica for a place; ``None`` while the one before it ends."""
        replica = ReplicaProcess(plan=wanted.plan, index=index, layout=self.layout)
        leaving = self._leaving.get(replica.name)
        if leaving is not None and not leaving.is_draining:
            return None
        self._leaving.pop(replica.name, None)  # it is wanted again
        self._replicas[wanted.plan.deployment_id, index] = replica
        if replica.adopt(None if leaving is None else leaving.owned):
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
        endpoint = Endpoint(host=replica.host, port=replica.port, folder=replica.plan.project)
        self.monitor.watch(replica.name, endpoint, replica.plan.service_checks)

    def _look_at_health(self, replica: ReplicaProcess) -> None:
        if replica.owned is None:
            return
        state, replica.health = self.monitor.state(replica.name)
        # What was ready stays so until it is known to be otherwise, as right after it was adopted.
        undecided = state in {HealthState.UNKNOWN, HealthState.STARTING}
        replica.ready = state is HealthState.HEALTHY or (replica.ready and undecided)
        replica.was_ready = replica.was_ready or replica.ready

    def _push(self, each: Departure, now: float, *, quiet: bool, drain: float) -> None:
        if each.push(now, quiet=quiet, drain=drain):
            del self._leaving[each.name]
            each.path.unlink(missing_ok=True)
            self.say(f"{each.name} has ended")

    def _find_left_behind(self, snapshot: Snapshot, now: float) -> None:
        names = {replica.name for replica in self._replicas.values()}
        for departure in unwanted(self.layout, wanted=names, spared=snapshot.unreadable, now=now):
            self.say(f"nobody wants {departure.name} any more")
            self._leaving[departure.name] = departure
        known = {(replica.name, str(replica.port)) for replica in self._replicas.values()}
        strays = unknown(self.layout, known=known, spared=snapshot.unreadable)
        if strays:
            self.say(f"ends what nobody wrote down: process {', '.join(str(each.pid) for each in strays)}")
            send_signal(strays, signal.SIGKILL)

    @contextlib.contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        """Say once of what goes wrong at one replica; the next round tries it again, and the others go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- the others have to be looked after all the same
            words = f"{type(error).__name__}: {error}"
            if self._troubles.get(name) != words:
                self.say(f"{name}: {words}")
            self._troubles[name] = words
        else:
            self._troubles.pop(name, None)
