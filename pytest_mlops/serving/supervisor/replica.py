"""One replica that has to run: its process, its readiness, its restarts."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psutil

from pytest_mlops.serving.logs import last_line, rotate
from pytest_mlops.serving.ports import free_port
from pytest_mlops.serving.processes import (
    PORT,
    REPLICA,
    marks,
    owned_by,
    send_signal,
    spawn,
    started_by,
)
from pytest_mlops.serving.run_files import ReplicaFile, read_replica
from pytest_mlops.serving.supervisor.backoff import SETTLED_SECONDS, restart_delay
from pytest_mlops.serving.supervisor.draining import DrainingReplica, find_marked_as
from pytest_mlops.serving.supervisor.limits import cores_for, over_memory, thread_counts
from pytest_mlops.serving.supervisor.routing import ReplicaView
from pytest_mlops.serving.versioned import save
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
        health: Their message.
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
    _written: ReplicaFile | None = None

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
        """Why it is not ready, and why it was started again; empty where there is nothing to report."""
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
        """Take over what is there already; return whether its process died while no supervisor ran.

        Only a process that its file names by number and time of start, and that carries the marks of this
        very start, is taken for it.

        Args:
            own: The process, where this very supervisor has started it.

        Raises:
            SerializationError: its file is of a newer version.
        """
        file = read_replica(self.path)
        if file is None:
            return False
        self.restarts, self.deaths, self.death = file.restarts, file.deaths, file.death
        found = owned_by(
            file.identity, self.layout.root, self.plan.deployment_id, replica=self.name, port=str(file.port)
        )
        if found is None:
            return self._died_unseen(file)
        self.owned = own if own is not None and own.identity == found.identity else found
        self.port, self.started_at = file.port, file.started_at
        self.ready, self.was_ready = file.ready, file.ready or file.was_ready
        return False

    def settle(self, now: float) -> None:
        """Forget its deaths once its process has lived for long."""
        if self.owned is not None and now - self.started_at > SETTLED_SECONDS:
            self.deaths = 0

    def may_start(self, now: float) -> bool:
        """Return whether it has no process and enough time has passed since the last one died."""
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

    def reap(self) -> str | None:
        """Notice that the process has died, and end what it had started; return how, if it just has."""
        if self.owned is None or self.owned.alive:
            return None
        how = self._overstepped or _how(self.owned.exit_code)
        last = "" if self._overstepped else last_line(self.log, after=self._log_start)
        send_signal(find_marked_as(self.layout, self.name, str(self.port)), signal.SIGKILL)
        self._note_death(f"{how}: {last}" if last else how)
        return self.death

    def enforce_memory(self) -> str | None:
        """Kill the process where it takes more memory than it may; return how much it took."""
        if self.owned is None or not self.owned.alive:
            return None
        taken = over_memory(self.plan.environment.config, self.owned.process)
        if taken is not None:
            self._overstepped = taken
            send_signal(started_by(self.owned.process), signal.SIGKILL)
        return taken

    def drain(self, now: float) -> DrainingReplica:
        """Return it as one that is no longer requested."""
        return DrainingReplica(
            name=self.name,
            owned=self.owned,
            find_processes=partial(find_marked_as, self.layout, self.name, str(self.port)),
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
        file = ReplicaFile(
            deployment_id=self.plan.deployment_id,
            index=self.index,
            pid=None if identity is None else identity.pid,
            process_start=None if identity is None else identity.process_start,
            host=self.host,
            port=self.port,
            started_at=self.started_at,
            restarts=self.restarts,
            deaths=self.deaths,
            alive=self.alive,
            ready=self.ready,
            was_ready=self.was_ready,
            message=self.message,
            death=self.death,
            stop_grace=self.plan.serve.stop_grace,
        )
        if file != self._written:
            save(self.path, file)
            self._written = file

    def _died_unseen(self, file: ReplicaFile) -> bool:
        if not file.alive or file.started_at < psutil.boot_time():
            return False  # it had no process, or all of them went with the machine
        self.started_at = file.started_at
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
