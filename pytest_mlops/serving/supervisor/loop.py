"""The supervisor's loop: reconciles what runs with what is requested."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mlops.errors import MLOpsError
from pytest_mlops.serving.health.monitor import HealthMonitor
from pytest_mlops.serving.logs import rotate
from pytest_mlops.serving.processes import Identity
from pytest_mlops.serving.run_files import DownFile, SupervisorFile, require_known_versions
from pytest_mlops.serving.supervisor.fleet import Fleet
from pytest_mlops.serving.supervisor.lock import hold_lock
from pytest_mlops.serving.supervisor.requested import RequestedReader, StoreWatch
from pytest_mlops.serving.supervisor.routing import Routing
from pytest_mlops.serving.versioned import load, save

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.pointer import Pointer
    from pytest_mlops.store.engine import Store

__all__ = ["Supervisor"]

_TICK = 0.1
"""Seconds after which processes are checked; a change in the store wakes the loop at once."""

_SLOW_TICK = 1.0
_RECOVER_SECONDS = 0.2
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Supervisor:
    """Owns the processes of one environment on this machine.

    Attributes:
        store: The store.
        environment: Name of the environment.
        layout: Where its files lie.
        gateway: The gateway's process.
        drain: Seconds that requests under way have before a replica is ended.
        command: What starts a supervisor like this one; the gateway runs it where this one has died.
        recover: Continues a deployment whose deployer has died; called from a thread, time and again while
            one is under way.
        auto_rollback: Rolls back a version that serves and keeps dying; called from the same thread with the
            pointer, while nothing is under way.
    """

    store: Store
    environment: str
    layout: Layout
    gateway: GatewayProcess
    drain: float
    command: Sequence[str]
    recover: Callable[[], object] = lambda: None
    auto_rollback: Callable[[Pointer], object] = lambda _pointer: None
    _stop: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _next_slow: float = 0.0
    _problem: str = ""

    def run(self) -> None:
        """Run until ``down``, which ends everything, or :meth:`stop`, after which all processes go on.

        Raises:
            ConflictError: a supervisor of this environment runs already.
            SerializationError: a process that runs was started by a newer version; nothing was touched.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(hold_lock(self.layout.supervisor_lock))
            if self.layout.down.exists():
                _log.info("not supervising: the environment is down")
                return
            require_known_versions(self.layout)
            self._announce()
            reader = RequestedReader(store=self.store, environment=self.environment)
            watch = stack.enter_context(StoreWatch(reader=reader, wake=self._wake))
            monitor = stack.enter_context(HealthMonitor())
            fleet = Fleet(layout=self.layout, monitor=monitor, drain=self.drain, on_death=watch.count_death)
            routing = Routing(layout=self.layout, gateway=self.gateway, environment=self.environment)
            self.gateway.adopt()
            threading.Thread(target=self._recover_loop, args=(watch,), name="recovery", daemon=True).start()
            while not self._stop.is_set():
                self._guarded_round(watch, fleet, routing)
                self._wake.wait(_TICK)
                self._wake.clear()
            if self.layout.down.exists():
                self._end_all(fleet)

    def stop(self) -> None:
        """End the loop; what is supervised goes on, for the next supervisor to adopt."""
        self._stop.set()
        self._wake.set()

    def end_all(self) -> None:
        """End the loop and all that is supervised, as ``down`` does; nothing starts it again by itself.

        Raises:
            OSError: the file that requests it cannot be written; nothing is ended.
        """
        save(self.layout.down, DownFile())
        self.stop()

    def _announce(self) -> None:
        """Write who supervises, and keep what is logged of requests from other users of the machine."""
        self.layout.root.chmod(0o700)
        own = Identity.current()
        file = SupervisorFile(
            pid=own.pid,
            process_start=own.process_start,
            started_at=time.time(),
            command=tuple(self.command),
        )
        while not self._stop.is_set():
            try:
                save(self.layout.supervisor, file)
                break
            except OSError as error:  # a full disk, which may be cleared
                self._report(f"cannot write {self.layout.supervisor}: {error.strerror or error}")
                self._stop.wait(_SLOW_TICK)
        self.layout.starting.unlink(missing_ok=True)
        _log.info("supervising %s", self.environment)

    def _guarded_round(self, watch: StoreWatch, fleet: Fleet, routing: Routing) -> None:
        """Go round once; nothing that goes wrong in it ends the supervisor."""
        try:
            self._round(watch, fleet, routing, time.time())
        except Exception as error:  # noqa: BLE001 -- replicas and gateway are worse off with no supervisor
            self._report(f"a round failed, and is tried again: {type(error).__name__}: {error}")
        else:
            self._problem = ""

    def _report(self, problem: str) -> None:
        if problem != self._problem:
            _log.error("%s", problem)
        self._problem = problem

    def _round(self, watch: StoreWatch, fleet: Fleet, routing: Routing, now: float) -> None:
        if self.layout.down.exists():
            _log.info("stopping: the environment is going down")
            self.stop()
            return
        if now >= self._next_slow or now < self._next_slow - 2 * _SLOW_TICK:  # or the clock was set back
            self._next_slow = now + _SLOW_TICK
            self._slow_round(fleet)
        self.gateway.ensure_running(now)
        # Deaths first: one that is written down in between is taken for two, never for none.
        uncounted, snapshot = watch.uncounted(), watch.latest()
        if snapshot is None:
            return
        fleet.reconcile(snapshot, uncounted, now)
        routing.follow(snapshot, fleet.views(), now)
        fleet.advance_draining(routing.in_flight(now) if fleet.is_draining else None, now)

    def _slow_round(self, fleet: Fleet) -> None:
        fleet.enforce_limits()
        rotate(self.gateway.log)
        rotate(self.layout.logs / "supervisor.log")

    def _end_all(self, fleet: Fleet) -> None:
        """End the gateway, so that no client finds it without replicas, then those."""
        down = load(DownFile, self.layout.down) or DownFile()
        self.gateway.end(grace=down.grace)
        fleet.end_all(grace=down.grace)

    def _recover_loop(self, watch: StoreWatch) -> None:
        """Recover deployments and roll back crash loops; one failure is logged once, and tried again."""
        last, next_rollback = "", 0.0
        while not self._stop.wait(_RECOVER_SECONDS):
            snapshot = watch.latest()
            if snapshot is None:
                continue
            try:
                if snapshot.under_way:
                    self.recover()
                elif time.monotonic() >= next_rollback:
                    next_rollback = time.monotonic() + _SLOW_TICK
                    self.auto_rollback(snapshot.pointer)
                last = ""
            except Exception as error:  # noqa: BLE001 -- with this thread, recovery would be gone for good
                kind = "" if isinstance(error, MLOpsError) else f"{type(error).__name__}: "
                if str(error) != last:
                    _log.error("cannot continue a deployment: %s%s", kind, error)
                last = str(error)
                self._stop.wait(_SLOW_TICK)
