"""One replica: its process, whether it is ready, and when it is started anew."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from pytest_mlops.deploy.supervisor.backoff import SETTLED_SECONDS, restart_delay
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
from pytest_mlops.records.quantity import in_bytes, in_cores

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from pytest_mlops.deploy.paths import Layout
    from pytest_mlops.deploy.plan import DeploymentPlan

__all__ = ["ReplicaProcess", "ReplicaView"]

HOST = "127.0.0.1"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_MAX_THREADS")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicaView:
    """What the gateway has to know of a replica."""

    name: str
    host: str
    port: int
    alive: bool
    ready: bool


@dataclass(kw_only=True)
class ReplicaProcess:
    """A replica that has to run, or that has to end.

    Attributes:
        plan: Its deployment.
        index: Number within the deployment.
        layout: Where its file and its log lie.
        deaths: In a row, without those after a long life.
        restarts: In all.
    """

    plan: DeploymentPlan
    index: int
    layout: Layout
    identity: Identity | None = None
    host: str = HOST
    port: int = 0
    started_at: float = 0.0
    deaths: int = 0
    restarts: int = 0
    message: str = ""
    ready: bool = False
    unwanted_since: float | None = None
    ending_since: float | None = None
    killed: bool = False
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _next_start: float = 0.0
    _written: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """As ``production.7.0``."""
        return f"{self.plan.deployment_id}.{self.index}"

    @property
    def path(self) -> Path:
        """Its file."""
        return self.layout.replicas / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.layout.logs / f"{self.name}.log"

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        if self.identity is None:
            return False
        if self._process is not None:
            return self._process.poll() is None
        return lives(self.identity)

    def view(self) -> ReplicaView:
        """Return what the gateway has to know."""
        alive = self.alive and self.ending_since is None
        return ReplicaView(
            name=self.name, host=self.host, port=self.port, alive=alive, ready=alive and self.ready
        )

    def adopt(self) -> bool:
        """Take over the process that an earlier supervisor started, if it still runs."""
        values = read_json(self.path)
        if values is None:
            return False
        self.restarts = int(values.get("restarts", 0))
        identity = Identity.of(values)
        if not lives(identity, self.plan.deployment_id):
            return False
        try:
            port, started = int(values["port"]), float(values["started_at"])
        except (KeyError, TypeError, ValueError):
            return False
        self.identity, self.port, self.started_at = identity, port, started
        self.ready = bool(values.get("ready"))
        return True

    def may_start(self, now: float) -> bool:
        """Tell whether its process is gone and enough time has passed."""
        return self.identity is None and now >= self._next_start

    def start(self) -> None:
        """Start the process on a port that is free now; where that fails, it counts as a death."""
        self.port = _free_port(self.host)
        rotate(self.log)
        try:
            self._process, self.identity = spawn(
                [self._fill(part) for part in self.plan.serve.command],
                folder=self.plan.folder,
                environ=self._environ(),
                log=self.log,
            )
        except OSError as error:
            self.started_at = time.time()
            self._died(f"cannot be started: {error.strerror or error}")
            return
        self.started_at, self.ready = time.time(), False
        self._limit_cpu()

    def bury(self) -> bool:
        """Notice that the process has died; tell whether it just has."""
        if self.identity is None or self.alive:
            return False
        code = None if self._process is None else self._process.returncode
        self._died(self.message if self.killed else _cause_of_death(code, self.log))
        return True

    def over_memory(self) -> bool:
        """End the process where it takes more memory than it may; tell whether it did."""
        limit = self.plan.environment.config.memory_limit
        process = None if self.identity is None else self.identity.process()
        if limit is None or process is None or self.identity is None:
            return False
        taken = _memory_of(process)
        if taken <= in_bytes(limit):
            return False
        self.message = f"took {taken / 2**20:,.0f} MiB of memory; memory_limit is {limit}"
        self.killed = True
        kill(self.identity, signal.SIGKILL)
        return True

    def end(self) -> None:
        """Ask the process to end; :meth:`push_end` sees to it that it does."""
        self.ending_since = time.time()
        if self.identity is not None:
            kill(self.identity, signal.SIGTERM)

    def push_end(self, now: float) -> bool:
        """Kill a process that has not ended in its time; tell whether it is gone."""
        if self.identity is None or not self.alive:
            return True
        if self.ending_since is not None and now - self.ending_since > self.plan.serve.stop_grace:
            kill(self.identity, signal.SIGKILL)
        return False

    def write(self) -> None:
        """Write its file where something changed."""
        identity = self.identity
        values = {
            "deployment_id": self.plan.deployment_id,
            "index": self.index,
            "pid": None if identity is None else identity.pid,
            "create_time": None if identity is None else identity.create_time,
            "host": self.host,
            "port": self.port,
            "started_at": self.started_at,
            "restarts": self.restarts,
            "alive": self.alive,
            "ready": self.ready,
            "message": self.message,
        }
        if values != self._written:
            write_json(self.path, values)
            self._written = values

    def _died(self, message: str) -> None:
        lived = time.time() - self.started_at
        self.deaths = 1 if lived > SETTLED_SECONDS else self.deaths + 1
        self.restarts += 1
        self.message = message
        self.identity, self._process = None, None
        self.ready, self.killed = False, False
        self._next_start = time.time() + restart_delay(self.deaths, self.name)

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
        threads = {}
        limit = self.plan.environment.config.cpu_limit
        if limit is not None:
            threads = dict.fromkeys(_THREADS, str(math.ceil(in_cores(limit))))
        own = {
            MARKER: self.plan.deployment_id,
            "MLOPS_ROOT": str(self.layout.root),
            "MLOPS_MODEL": str(self.plan.model),
            "MLOPS_VERSION": self.plan.model_version.version_id,
            "MLOPS_HOST": self.host,
            "MLOPS_PORT": str(self.port),
        }
        return {**os.environ, **threads, **self.plan.serve.environ, **own}

    def _limit_cpu(self) -> None:
        """Let the process run on as many cores as it may use; a part of one core is not enforced."""
        limit = self.plan.environment.config.cpu_limit
        if limit is None or self.identity is None or not hasattr(os, "sched_setaffinity"):
            return
        cores = sorted(os.sched_getaffinity(0))
        count = min(math.ceil(in_cores(limit)), len(cores))
        first = self.index * count % len(cores)
        with contextlib.suppress(OSError):
            os.sched_setaffinity(
                self.identity.pid, {cores[(first + offset) % len(cores)] for offset in range(count)}
            )


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _memory_of(process: psutil.Process) -> int:
    """Return the resident bytes of a process and its children; memory they share counts for each."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += each.memory_info().rss
    return total


def _cause_of_death(code: int | None, log: Path) -> str:
    if code is None:
        how = "died"
    elif code < 0:
        how = f"was ended by {signal.Signals(-code).name}"
    else:
        how = f"exited with {code}"
    last = _last_line(log)
    return f"{how}: {last}" if last else how


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 4096))
            lines = stream.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    text = next((line for line in reversed(lines) if line.strip()), "")
    return "".join(each for each in text.strip() if each.isprintable())[:200]
