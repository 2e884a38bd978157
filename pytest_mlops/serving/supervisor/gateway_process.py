"""The gateway's process as the supervisor sees it: started or adopted, sent its routes, ended."""

from __future__ import annotations

import logging
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from pytest_mlops.serving.gateway_client import RoutesReply, gateway_status, put_routes
from pytest_mlops.serving.logs import last_line, rotate
from pytest_mlops.serving.ports import free_port
from pytest_mlops.serving.processes import (
    GATEWAY,
    find_marked,
    marks,
    owned_by,
    runs,
    send_signal,
    spawn,
)
from pytest_mlops.serving.run_files import read_gateway
from pytest_mlops.serving.supervisor.backoff import SETTLED_SECONDS, restart_delay
from pytest_mlops.serving.versioned import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.serving import GatewaySettings
    from pytest_mlops.serving.gateway_protocol import GatewayStatus, Routes
    from pytest_mlops.serving.processes import Owned
    from pytest_mlops.state.paths import Layout

__all__ = ["GatewayProcess"]

_TICK = 0.02
_KILLED_SECONDS = 5.0
_REQUEST_SECONDS = 1.0
"""Seconds that it has to answer; the supervisor has replicas to care for."""

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class GatewayProcess:
    """The gateway of an environment.

    Attributes:
        layout: Where its files lie.
        settings: What it is started with.
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
    _in_force: int = -1

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.layout.logs / "gateway.log"

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._owned is not None and self._owned.alive

    def adopt(self) -> bool:
        """Take over the gateway that runs, if one does; end one that never wrote where it listens.

        Raises:
            SerializationError: it is of a newer version.
        """
        file = read_gateway(self.layout)
        self._owned = None if file is None else owned_by(file.identity, self.layout.root, GATEWAY)
        self._started_at, self._in_force = time.time(), -1
        if file is None or self._owned is None:
            unknown = [each.process for each in find_marked(self.layout.root) if each.marker == GATEWAY]
            send_signal(unknown, signal.SIGKILL)
            return False
        older = f", in version {file.version} of its protocol" if file.version != VERSION else ""
        _log.info("adopted the gateway, process %d%s", file.pid, older)
        return True

    def ensure_running(self, now: float) -> None:
        """Start it where it does not run, later each time it dies."""
        if self.alive:
            return
        if self._owned is not None:
            last = last_line(self.log, after=self._log_start) or "it has logged nothing"
            _log.error("the gateway died: %s", last)
            self._note_death(now)
        if now < self._next_start:
            return
        try:
            self._start(now)
        except (OSError, ValueError) as error:
            self._note_death(now)
            _log.error("the gateway cannot be started: %s", error)
        else:
            _log.info("started the gateway")

    def send_routes(self, routes: Routes) -> RoutesReply | None:
        """Send it its routes, once for each generation; ``None`` where it does not answer."""
        if self._in_force == routes.generation:
            return RoutesReply(in_force=True, error="")
        if not self._listens():
            return None
        reply = put_routes(self.layout, routes, seconds=_REQUEST_SECONDS)
        if reply is not None and reply.in_force:
            self._in_force = routes.generation
        return reply

    def status(self) -> GatewayStatus | None:
        """Return its status; ``None`` where it does not answer."""
        return gateway_status(self.layout, seconds=_REQUEST_SECONDS) if self._listens() else None

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
        # The first time at once: no request is answered until then.
        self._next_start = now + restart_delay(self.deaths - 1, GATEWAY)
        self._owned, self._in_force = None, -1

    def _listens(self) -> bool:
        """Return whether the file of a gateway is of this one."""
        file = read_gateway(self.layout)
        return self._owned is not None and file is not None and file.identity == self._owned.identity

    def _start(self, now: float) -> None:
        rotate(self.log)
        settings = self.layout.run / "gateway-settings.json"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(self.settings.model_dump_json(), encoding="utf-8")
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
        before = read_gateway(self.layout)
        if before is not None and before.host == self.settings.host:
            return before.port
        return free_port(self.settings.host)
