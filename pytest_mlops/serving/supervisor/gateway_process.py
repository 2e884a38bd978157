"""The gateway's process as the supervisor has it: started, adopted, told its routes, ended."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from pytest_mlops.serving.gateway_client import gateway_status, put_routes
from pytest_mlops.serving.logs import last_line, rotate
from pytest_mlops.serving.ports import free_port
from pytest_mlops.serving.processes import (
    GATEWAY,
    Identity,
    find_marked,
    marks,
    owned_of,
    read_json,
    runs,
    send_signal,
    spawn,
    write_json,
)
from pytest_mlops.serving.supervisor.backoff import SETTLED_SECONDS, restart_delay

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.serving import GatewaySettings
    from pytest_mlops.serving.processes import Owned
    from pytest_mlops.state.paths import Layout

__all__ = ["GatewayProcess"]

_TICK = 0.02
_KILLED_SECONDS = 5.0
_ASK_SECONDS = 1.0
"""Seconds that it has to answer us; whoever asks has replicas to look after."""


@dataclass(kw_only=True)
class GatewayProcess:
    """The gateway of an environment.

    Attributes:
        layout: Where its files lie.
        settings: What it is told at its start.
        environ: Environment variables of its process.
        deaths: In a row, without those after a long life.
    """

    layout: Layout
    settings: GatewaySettings
    environ: dict[str, str]
    deaths: int = 0
    _owned: Owned | None = None
    _started_at: float = 0.0
    _log_start: int = 0
    _next_start: float = 0.0
    _told: int = -1

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.layout.logs / "gateway.log"

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._owned is not None and self._owned.alive

    def adopt(self) -> bool:
        """Take over the gateway that runs, if one does; end one that never came to say where it listens."""
        self._owned = owned_of(read_json(self.layout.gateway), self.layout, GATEWAY)
        self._started_at, self._told = time.time(), -1
        if self._owned is None:
            unknown = [each.process for each in find_marked(self.layout.root) if each.marker == GATEWAY]
            send_signal(unknown, signal.SIGKILL)
        return self._owned is not None

    def keep(self, now: float) -> str | None:
        """See to it that it runs, started later each time it dies; return a line where something happened."""
        if self.alive:
            return None
        died = None
        if self._owned is not None:
            died = f"the gateway died: {last_line(self.log, after=self._log_start) or 'without a word'}"
            self._note_death(now)
        if now < self._next_start:
            return died
        try:
            self._start(now)
        except (OSError, ValueError) as error:
            self._note_death(now)
            return f"the gateway cannot be started: {error}"
        return "the gateway starts" if died is None else f"{died}; it is started again"

    def tell(self, routes: dict[str, Any]) -> bool:
        """Tell it its routes; tell whether it follows them."""
        if self._told == routes["generation"]:
            return True
        if not self._announced() or put_routes(self.layout, routes, seconds=_ASK_SECONDS) != 200:
            return False
        self._told = routes["generation"]
        return True

    def status(self) -> dict[str, Any] | None:
        """Return what it says of itself; ``None`` where it does not answer."""
        return gateway_status(self.layout, seconds=_ASK_SECONDS) if self._announced() else None

    def end(self, *, grace: float) -> None:
        """Ask it to end, once its requests are answered, and see to it that it does.

        Only itself: a supervisor may be a child of it.
        """
        owned = self._owned
        if owned is None:
            return
        send_signal([owned.process], signal.SIGTERM)
        deadline = time.monotonic() + grace
        while runs(owned.process) and time.monotonic() < deadline:
            time.sleep(_TICK)
        send_signal([owned.process], signal.SIGKILL)
        psutil.wait_procs([owned.process], timeout=_KILLED_SECONDS)
        _ = owned.alive  # a child of this process is a zombie until it is asked for

    def _note_death(self, now: float) -> None:
        self.deaths = 1 if now - self._started_at > SETTLED_SECONDS else self.deaths + 1
        # The first time at once: nobody is served until then.
        self._next_start = now + restart_delay(self.deaths - 1, GATEWAY)
        self._owned, self._told = None, -1

    def _announced(self) -> bool:
        """Tell whether what lies there of a gateway is of this one."""
        owned = self._owned
        return owned is not None and Identity.of(read_json(self.layout.gateway)) == owned.identity

    def _start(self, now: float) -> None:
        rotate(self.log)
        settings = self.layout.run / "gateway-settings.json"
        write_json(settings, self.settings.model_dump(mode="json"))
        command = [sys.executable, "-m", "pytest_mlops.serving.gateway"]
        argv = [
            *command,
            *("--root", str(self.layout.root)),
            *("--host", self.settings.host),
            *("--port", str(self._port())),
            *("--settings", str(settings)),
        ]
        environ = {**self.environ, **marks(self.layout.root, GATEWAY)}
        self._started_at = now
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._owned = spawn(argv, folder=self.layout.root, environ=environ, log=self.log)

    def _port(self) -> int:
        """Return the port that was asked for, or the one that was free the first time."""
        if self.settings.port:
            return self.settings.port
        values: dict[str, Any] = read_json(self.layout.gateway) or {}
        port = values.get("port")
        if isinstance(port, int) and 0 < port < 65536 and values.get("host") == self.settings.host:
            return port
        return free_port(self.settings.host)
