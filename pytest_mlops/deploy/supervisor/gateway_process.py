"""The gateway's process as the supervisor has it: started, adopted, told its routes, ended."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_mlops.deploy.gateway_control import gateway_status, put_routes
from pytest_mlops.deploy.supervisor.backoff import restart_delay
from pytest_mlops.deploy.supervisor.processes import (
    MARKER,
    Identity,
    kill,
    lives,
    read_json,
    rotate,
    spawn,
    write_json,
)

if TYPE_CHECKING:
    import subprocess

    from pytest_mlops.deploy.paths import Layout
    from pytest_mlops.records.serving import GatewaySettings

__all__ = ["GATEWAY", "GatewayProcess"]

GATEWAY = "gateway"
"""What the gateway's process carries as its marker."""


@dataclass(kw_only=True)
class GatewayProcess:
    """The gateway of an environment.

    Attributes:
        layout: Where its files lie.
        settings: What it is told at its start.
        environ: Environment variables of its process.
    """

    layout: Layout
    settings: GatewaySettings
    environ: dict[str, str]
    deaths: int = 0
    _identity: Identity | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _started_at: float = 0.0
    _next_start: float = 0.0
    _told: int = -1

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        if self._process is not None and self._process.poll() is not None:
            return False
        return self._identity is not None and lives(self._identity)

    def keep(self, now: float) -> None:
        """See to it that it runs: adopt one that does, or start one, each time later if it dies again."""
        if self.alive:
            return
        if self._identity is not None:
            self.deaths = 1 if now - self._started_at > 60.0 else self.deaths + 1
            self._next_start = now + restart_delay(self.deaths - 1, GATEWAY)
            self._identity, self._process, self._told = None, None, -1
        if self._adopt() or now < self._next_start:
            return
        self._start()

    def tell(self, routes: dict[str, Any]) -> bool:
        """Tell it its routes; tell whether it follows them."""
        if self._told == routes["generation"]:
            return True
        # It may know newer ones: an older generation than its own is refused, and the next is greater.
        status = put_routes(self.layout, routes) if self._announced() else None
        if status in {200, 409}:
            self._told = routes["generation"]
        return status == 200

    def status(self) -> dict[str, Any] | None:
        """Return what it says of itself; ``None`` where it does not answer."""
        return gateway_status(self.layout) if self._announced() else None

    def end(self, *, grace: float) -> None:
        """Ask it to end, once its requests are answered, and see to it that it does."""
        self.keep_known()
        if self._identity is None:
            return
        kill(self._identity, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while lives(self._identity) and time.monotonic() < deadline:
            time.sleep(0.02)
        kill(self._identity, signal.SIGKILL)

    def keep_known(self) -> None:
        """Know a gateway that runs, without starting one."""
        if not self.alive:
            self._adopt()

    def _adopt(self) -> bool:
        identity = Identity.of(read_json(self.layout.gateway))
        if not lives(identity, GATEWAY):
            return False
        self._identity, self._started_at = identity, time.time()
        return True

    def _announced(self) -> bool:
        """Tell whether what lies there of a gateway is of this one."""
        values = read_json(self.layout.gateway)
        return values is not None and Identity.of(values) == self._identity

    def _start(self) -> None:
        log = self.layout.logs / "gateway.log"
        rotate(log)
        settings = self.layout.run / "gateway-settings.json"
        write_json(settings, self.settings.model_dump(mode="json"))
        argv = [
            sys.executable,
            "-m",
            "pytest_mlops.deploy.gateway",
            "--root",
            str(self.layout.root),
            "--host",
            self.settings.host,
            "--port",
            str(self._port()),
            "--settings",
            str(settings),
        ]
        environ = {**self.environ, MARKER: GATEWAY, "MLOPS_ROOT": str(self.layout.root)}
        self._process, self._identity = spawn(argv, folder=self.layout.root, environ=environ, log=log)
        self._started_at = time.time()

    def _port(self) -> int:
        """Return the port that was asked for, or the one that was free the first time."""
        if self.settings.port:
            return self.settings.port
        values: dict[str, Any] = read_json(self.layout.gateway) or {}
        port = values.get("port")
        return port if isinstance(port, int) and values.get("host") == self.settings.host else 0
