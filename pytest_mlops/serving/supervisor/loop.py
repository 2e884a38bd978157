"""The supervisor's loop: looks at what is wanted and what runs, and brings the second to the first."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_mlops.errors import MLOpsError
from pytest_mlops.serving.health.monitor import HealthMonitor
from pytest_mlops.serving.logs import rotate
from pytest_mlops.serving.processes import read_json, write_json
from pytest_mlops.serving.supervisor.fleet import Fleet
from pytest_mlops.serving.supervisor.lock import hold_lock
from pytest_mlops.serving.supervisor.requested import StoreWatch, WantedReader
from pytest_mlops.serving.supervisor.routing import Routing
from pytest_mlops.state.process_start import birth_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.pointer import Pointer
    from pytest_mlops.store.engine import Store

__all__ = ["Supervisor"]

_TICK = 0.1
"""Seconds after which processes are looked at; what the store says is heeded at once."""

_SLOW_TICK = 1.0
_RECOVER_SECONDS = 0.2
_DOWN_GRACE = 10.0


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
        mend: Takes back a version that serves and keeps dying; called from the same thread with the pointer,
            while nothing is under way.
        say: Takes a line for the log.
    """

    store: Store
    environment: str
    layout: Layout
    gateway: GatewayProcess
    drain: float
    command: Sequence[str]
    recover: Callable[[], object] = lambda: None
    mend: Callable[[Pointer], object] = lambda _pointer: None
    say: Callable[[str], None] = field(default_factory=lambda: _say)
    _stop: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _next_slow: float = 0.0
    _trouble: str = ""

    def run(self) -> None:
        """Run until ``down`` is asked for, which ends everything, or :meth:`stop`, after which all goes on.

        Raises:
            ConflictError: a supervisor of this environment runs already.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(hold_lock(self.layout.supervisor_lock))
            if self.layout.down.exists():
                self.say("ends at once, since down was asked for")
                return
            self._announce()
            reader = WantedReader(store=self.store, environment=self.environment, say=self.say)
            watch = stack.enter_context(StoreWatch(reader=reader, say=self.say, wake=self._wake))
            monitor = stack.enter_context(HealthMonitor())
            fleet = Fleet(
                layout=self.layout, monitor=monitor, say=self.say, drain=self.drain, died=watch.count_death
            )
            routing = Routing(
                layout=self.layout, gateway=self.gateway, environment=self.environment, say=self.say
            )
            if self.gateway.adopt():
                self.say("adopts the gateway")
            threading.Thread(target=self._recover_on, args=(watch,), name="recovery", daemon=True).start()
            while not self._stop.is_set():
                self._guarded(watch, fleet, routing)
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
            OSError: the file that says so cannot be written; nothing is ended.
        """
        write_json(self.layout.down, {"grace": _DOWN_GRACE})
        self.stop()

    def _announce(self) -> None:
        """Say who supervises, and keep what is logged of requests from other users of the machine."""
        self.layout.root.chmod(0o700)
        identity = {"pid": os.getpid(), "born": birth_of(os.getpid())}
        values = {**identity, "started_at": time.time(), "command": list(self.command)}
        while not self._stop.is_set():
            try:
                write_json(self.layout.supervisor, values)
                break
            except OSError as error:  # a full disk, which somebody may clear
                self._complain(f"cannot write {self.layout.supervisor}: {error.strerror or error}")
                self._stop.wait(_SLOW_TICK)
        self.layout.starting.unlink(missing_ok=True)
        self.say(f"supervises {self.environment}")

    def _guarded(self, watch: StoreWatch, fleet: Fleet, routing: Routing) -> None:
        """Go round once; nothing that goes wrong in it ends the supervisor."""
        try:
            self._go_round(watch, fleet, routing, time.time())
        except Exception as error:  # noqa: BLE001 -- replicas and gateway are worse off with no supervisor
            self._complain(f"something went wrong, and is tried again: {type(error).__name__}: {error}")
        else:
            self._trouble = ""

    def _complain(self, line: str) -> None:
        if line != self._trouble:
            self.say(line)
        self._trouble = line

    def _go_round(self, watch: StoreWatch, fleet: Fleet, routing: Routing, now: float) -> None:
        if self.layout.down.exists():
            self.say("ends, since down was asked for")
            self.stop()
            return
        if now >= self._next_slow or now < self._next_slow - 2 * _SLOW_TICK:  # or the clock was set back
            self._next_slow = now + _SLOW_TICK
            self._look_around(fleet)
        line = self.gateway.keep(now)
        if line is not None:
            self.say(line)
        # Deaths first: one that is written down in between is taken for two, never for none.
        uncounted, snapshot = watch.uncounted(), watch.latest()
        if snapshot is None:
            return
        fleet.bring_to(snapshot, uncounted, now)
        routing.follow(snapshot, fleet.views(), now)
        fleet.let_go(lambda: routing.quiet(now), now)

    def _look_around(self, fleet: Fleet) -> None:
        fleet.keep_to_limits()
        rotate(self.gateway.log)
        rotate(self.layout.logs / "supervisor.log")

    def _end_all(self, fleet: Fleet) -> None:
        """End the gateway, so that no client finds it without replicas, then those."""
        grace = (read_json(self.layout.down) or {}).get("grace")
        seconds = float(grace) if isinstance(grace, int | float) and grace >= 0 else _DOWN_GRACE
        self.gateway.end(grace=seconds)
        fleet.end_all(grace=seconds)

    def _recover_on(self, watch: StoreWatch) -> None:
        """Take over what nobody carries out; one failure is told once, and tried again."""
        last, next_mend = "", 0.0
        while not self._stop.wait(_RECOVER_SECONDS):
            snapshot = watch.latest()
            if snapshot is None:
                continue
            try:
                if snapshot.under_way:
                    self.recover()
                elif time.monotonic() >= next_mend:
                    next_mend = time.monotonic() + _SLOW_TICK
                    self.mend(snapshot.pointer)
                last = ""
            except Exception as error:  # noqa: BLE001 -- with this thread, recovery would be gone for good
                kind = "" if isinstance(error, MLOpsError) else f"{type(error).__name__}: "
                if str(error) != last:
                    self.say(f"cannot go on with a deployment: {kind}{error}")
                last = str(error)
                self._stop.wait(_SLOW_TICK)


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a full disk, a closed terminal
        sys.stdout.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {line}\n")
        sys.stdout.flush()
