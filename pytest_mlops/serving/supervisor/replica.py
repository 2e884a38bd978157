"""One replica that has to run: its process, whether it is ready, and when it is started anew."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil

from pytest_mlops.serving.logs import last_line, rotate
from pytest_mlops.serving.ports import free_port
from pytest_mlops.serving.processes import (
    PORT,
    REPLICA,
    marks,
    owned_of,
    read_json,
    send_signal,
    spawn,
    started_by,
    write_json,
)
from pytest_mlops.serving.supervisor.backoff import SETTLED_SECONDS, restart_delay
from pytest_mlops.serving.supervisor.draining import Departure, marked_as
from pytest_mlops.serving.supervisor.limits import cores_for, over_memory, thread_counts
from pytest_mlops.serving.supervisor.routing import ReplicaView
from pytest_mlops.store.address import VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.serving.processes import Owned
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.plan import DeploymentPlan

__all__ = ["ReplicaProcess"]

HOST = "127.0.0.1"


@dataclass(kw_only=True)
class ReplicaProcess:
    """A replica that has to run.

    Attributes:
        plan: Its deployment.
        index: Number within the deployment.
        layout: Where its file and its log lie.
        owned: Its process; ``None`` while it has none.
        port: Where it listens.
        started_at: When its process was started, seconds since the epoch.
        deaths: In a row, without those after a long life.
        restarts: Deaths in all.
        ready: Whether its health checks are healthy.
        was_ready: Whether they ever were since the process was started.
        health: What they say.
        death: How its last process ended.
    """

    plan: DeploymentPlan
    index: int
    layout: Layout
    owned: Owned | None = None
    port: int = 0
    started_at: float = 0.0
    deaths: int = 0
    restarts: int = 0
    ready: bool = False
    was_ready: bool = False
    health: str = ""
    death: str = ""
    _overstepped: str = ""
    _next_start: float = 0.0
    _log_start: int = 0
    _written: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """As ``production.7.0``."""
        return f"{self.plan.deployment_id}.{self.index}"

    @property
    def host(self) -> str:
        """Where it listens."""
        return HOST

    @property
    def path(self) -> Path:
        """Its file."""
        return self.layout.replica(self.name)

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.layout.log(self.name)

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.owned is not None and self.owned.alive

    @property
    def message(self) -> str:
        """What there is to say of it: why it is not ready, and why it was started anew."""
        again = f"started again, since it {self.death}" if self.death else ""
        if self.owned is None:
            return self.death
        return "; ".join(part for part in ("" if self.ready else self.health, again) if part)

    def view(self) -> ReplicaView:
        """Return what the gateway has to know."""
        alive = self.alive
        return ReplicaView(
            name=self.name,
            host=self.host,
            port=self.port,
            alive=alive,
            ready=alive and self.ready,
            was_ready=self.was_ready,
        )

    def adopt(self, own: Owned | None = None) -> bool:
        """Take over what is there already; tell whether its process died while nobody looked.

        Only a process that its file names by number and time of start, and that carries the marks of this
        very start, is taken for it.

        Args:
            own: The process, where this very supervisor has started it.
        """
        values = read_json(self.path)
        if values is None:
            return False
        self.restarts = _count(values.get("restarts"))
        self.deaths = _count(values.get("deaths"))
        self.death = str(values.get("death") or "")
        found = owned_of(values, self.layout, self.plan.deployment_id, self.name)
        if found is None:
            return self._died_unseen(values)
        self.owned = own if own is not None and own.identity == found.identity else found
        self.port = _count(values.get("port"))
        self.started_at = _seconds(values.get("started_at"))
        self.ready = values.get("ready") is True
        self.was_ready = self.ready or values.get("was_ready") is True
        return False

    def settle(self, now: float) -> None:
        """Forget its deaths once its process has lived for long."""
        if self.owned is not None and now - self.started_at > SETTLED_SECONDS:
            self.deaths = 0

    def may_start(self, now: float) -> bool:
        """Tell whether it has no process and enough time has passed since the last one died."""
        return self.owned is None and now >= self._next_start

    def start(self) -> str | None:
        """Start the process on a port that is free now; return how that failed, which counts as a death."""
        rotate(self.log)
        self.ready, self.was_ready, self.health, self._overstepped = False, False, "not probed yet", ""
        self.started_at = time.time()
        try:
            self.port = free_port(self.host)
            self._log_start = self.log.stat().st_size if self.log.exists() else 0
            self.owned = spawn(
                [self._fill(part) for part in self.plan.serve.command],
                folder=self.plan.folder,
                environ=self._environ(),
                log=self.log,
                cores=self._cores(),
            )
        except (OSError, ValueError) as error:
            self._note_death(f"cannot be started: {error}")
            return self.death
        return None

    def bury(self) -> str | None:
        """Notice that the process has died, and end what it left behind; return how, if it just has."""
        if self.owned is None or self.owned.alive:
            return None
        how = self._overstepped or _how(self.owned.exit_code)
        last = "" if self._overstepped else last_line(self.log, after=self._log_start)
        send_signal(marked_as(self.layout, self.name, str(self.port)), signal.SIGKILL)
        self._note_death(f"{how}: {last}" if last else how)
        return self.death

    def keep_to_memory(self) -> str | None:
        """Kill the process where it takes more memory than it may; return how much it took."""
        if self.owned is None or not self.owned.alive:
            return None
        taken = over_memory(self.plan.environment.config, self.owned.process)
        if taken is not None:
            self._overstepped = taken
            send_signal(started_by(self.owned.process), signal.SIGKILL)
        return taken

    def leave(self, now: float) -> Departure:
        """Let it go: nobody wants it any more."""
        return Departure(
            name=self.name,
            owned=self.owned,
            left_behind=partial(marked_as, self.layout, self.name, str(self.port)),
            path=self.path,
            grace=self.plan.serve.stop_grace,
            since=now,
        )

    def write(self) -> None:
        """Write its file where something changed.

        Raises:
            OSError: it cannot be written.
        """
        identity = None if self.owned is None else self.owned.identity
        values = {
            "deployment_id": self.plan.deployment_id,
            "index": self.index,
            "pid": None if identity is None else identity.pid,
            "born": None if identity is None else identity.born,
            "host": self.host,
            "port": self.port,
            "started_at": self.started_at,
            "restarts": self.restarts,
            "deaths": self.deaths,
            "alive": self.alive,
            "ready": self.ready,
            "was_ready": self.was_ready,
            "message": self.message,
            "death": self.death,
            "stop_grace": self.plan.serve.stop_grace,
        }
        if values != self._written:
            write_json(self.path, values)
            self._written = values

    def _died_unseen(self, values: dict[str, Any]) -> bool:
        started = _seconds(values.get("started_at"))
        if values.get("alive") is not True or started < psutil.boot_time():
            return False  # it had no process, or all of them went with the machine
        self.started_at = started
        self._note_death("died while no supervisor ran")
        return True

    def _note_death(self, how: str) -> None:
        now = time.time()
        self.settle(now)
        self.deaths += 1
        self.restarts += 1
        self.death, self.owned, self.ready, self.was_ready = how, None, False, False
        self._next_start = now + restart_delay(self.deaths, self.name)

    def _fill(self, text: str) -> str:
        values = {
            "{host}": self.host,
            "{port}": str(self.port),
            "{model}": str(self.plan.model),
            "{python}": sys.executable,
        }
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        return text

    def _environ(self) -> dict[str, str]:
        # The store's URL may have a password in it, and a model server has no business with the store.
        inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
        own = {
            **marks(self.layout.root, self.plan.deployment_id),
            REPLICA: self.name,
            PORT: str(self.port),
            "MLOPS_HOST": self.host,
            "MLOPS_MODEL": str(self.plan.model),
            "MLOPS_VERSION": self.plan.model_version.version_id,
        }
        # What Python compiles would lie among the version's files, which are held against their digests.
        inherited["PYTHONDONTWRITEBYTECODE"] = "1"
        return {**inherited, **thread_counts(self.plan.environment.config), **self.plan.serve.environ, **own}

    def _cores(self) -> frozenset[int] | None:
        if not hasattr(os, "sched_getaffinity"):
            return None
        return cores_for(self.plan.environment.config, self.index, os.sched_getaffinity(0))


def _how(code: int | None) -> str:
    if code is None:
        return "died"
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
