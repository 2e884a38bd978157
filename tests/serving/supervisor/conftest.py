"""Small real servers as replicas, with a supervisor over a store of its own."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pytest_mlops.records.environment import DeploymentEnvironment, EnvironmentConfig
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.serving import GatewaySettings, ServeSettings
from pytest_mlops.serving.gateway_client import gateway_status
from pytest_mlops.serving.health.monitor import HealthMonitor
from pytest_mlops.serving.processes import Identity, find_marked
from pytest_mlops.serving.supervisor.fleet import Fleet
from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
from pytest_mlops.serving.supervisor.lifecycle import bring_down, gateway_url
from pytest_mlops.serving.supervisor.loop import Supervisor
from pytest_mlops.serving.supervisor.requested import Requested, Snapshot
from pytest_mlops.state.paths import Layout
from pytest_mlops.state.plan import DeploymentPlan, Source
from pytest_mlops.state.pointer import Pointer, move_pointer, read_pointer
from pytest_mlops.state.rows import add_deployment, change_deployment, get_deployment
from pytest_mlops.store.engine import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_mlops.store.engine import Store

ENVIRONMENT = "production"

# Answers with its version, its process and its parameters; each of its arguments is a trait.
SERVER = """
import http.server, json, os, signal, subprocess, sys, time

traits = sys.argv[1:]
if "crash" in traits:
    sys.exit("this one cannot start")
if "stubborn" in traits:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "daemon" in traits:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-S", "-c", deaf], start_new_session=True)
if "greedy" in traits:
    taken = bytearray(b"1" * 200_000_000)
if "late" in traits:
    time.sleep(1.0)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        if self.path == "/slow":
            time.sleep(1.0)
        affinity = sorted(os.sched_getaffinity(0))
        facts = {"version": os.environ["MLOPS_VERSION"], "pid": os.getpid(), "cores": affinity}
        data = json.dumps(facts | {"environ": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


print("listens now", flush=True)
address = (os.environ["MLOPS_HOST"], int(os.environ["MLOPS_PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""

SUPERVISE = """
import json, os, signal, sys
from pathlib import Path

from pytest_mlops.state.paths import Layout
from pytest_mlops.serving.logs import log_to_stderr
from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
from pytest_mlops.serving.supervisor.loop import Supervisor
from pytest_mlops.records.serving import GatewaySettings
from pytest_mlops.store.engine import open_store

root, url, settings, recovered = sys.argv[1:]
log_to_stderr()
layout = Layout(root=Path(root))
gateway = GatewayProcess(
    layout=layout, settings=GatewaySettings.model_validate_json(settings), environ=dict(os.environ)
)
supervisor = Supervisor(
    store=open_store(url, timeout=1.0),
    environment="production",
    layout=layout,
    gateway=gateway,
    drain=3.0,
    command=[sys.executable, *sys.orig_argv[1:]],
    recover=lambda: Path(recovered).touch(),
)
signal.signal(signal.SIGTERM, lambda *_: supervisor.stop())
supervisor.run()
"""


@dataclass
class World:
    """An environment of one test: its files, its store, its supervisor."""

    layout: Layout
    store: Store
    folder: Path
    lines: list[str]
    drain: float = 3.0
    port: int = 0
    supervisors: list[subprocess.Popen[bytes]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    number: int = 0
    supervisor: Supervisor = field(init=False)

    def plan(
        self,
        name: str = "production.1",
        *traits: str,
        config: EnvironmentConfig | None = None,
        command: tuple[str, ...] | None = None,
        **serve: Any,
    ) -> DeploymentPlan:
        """Return a plan whose replicas are small servers with some traits."""
        self.number += 1
        settings = {
            "command": command or ("{python}", "-S", "server.py", *traits),
            "stop_grace": 1.0,
            **serve,
        }
        return DeploymentPlan(
            deployment_id=name,
            number=self.number,
            environment=DeploymentEnvironment(
                environment_id=ENVIRONMENT, name=ENVIRONMENT, config=config or EnvironmentConfig()
            ),
            serve=ServeSettings(**settings),
            model_version=ModelVersion(model_id="risk", version_id=f"v{self.number}"),
            digest="0" * 64,
            run_id="run",
            project=str(self.folder),
            release=str(self.folder / "release"),
            source=Source(record="/record", record_digest="0" * 64, model="/model"),
            actor="ada",
            created_at=datetime.now(UTC),
        )

    def add(
        self, plan: DeploymentPlan, *, desired_replicas: int = 1, restart_budget: int | None = None
    ) -> str:
        """Write the row of a deployment."""
        with self.store.write() as connection:
            add_deployment(connection, plan)
        self.change(plan.deployment_id, desired_replicas=desired_replicas, restart_budget=restart_budget)
        return plan.deployment_id

    def change(self, name: str, **values: Any) -> None:
        with self.store.write() as connection:
            change_deployment(connection, name, at=datetime.now(UTC), **values)

    def restart_budget(self, name: str) -> int | None:
        with self.store.read() as connection:
            return get_deployment(connection, name).restart_budget

    def point(self, **weights: float) -> int:
        """Move the pointer to ``production.N`` for each ``d_N``; return its revision."""
        names = {f"production.{name.removeprefix('d_')}": weight for name, weight in weights.items()}
        with self.store.write() as connection:
            before = read_pointer(connection, ENVIRONMENT)
            moved = move_pointer(
                connection,
                ENVIRONMENT,
                Pointer(stable=next(iter(names), None), weights=names),
                expected=before.revision,
                fence=1,
                actor="ada",
                reason="",
                at=datetime.now(UTC),
            )
        return moved.revision

    @property
    def recovered(self) -> Path:
        return self.folder / "recovered"

    def command(self) -> list[str]:
        settings = self.settings.model_dump_json()
        script = self.folder / "supervise.py"
        return [
            sys.executable,
            str(script),
            *map(str, (self.layout.root, self.url, settings, self.recovered)),
        ]

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'store.db'}"

    def supervise(self) -> Supervisor:
        """Start a supervisor in a thread of this process; return when it supervises."""
        supervisor = Supervisor(
            store=open_store(self.url, timeout=1.0),
            environment=ENVIRONMENT,
            layout=self.layout,
            gateway=GatewayProcess(layout=self.layout, settings=self.settings, environ=dict(os.environ)),
            drain=self.drain,
            command=self.command(),
            recover=self.recovered.touch,
        )

        def run() -> None:
            with supervisor.store:
                supervisor.run()

        self.supervisor = supervisor
        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()
        wait(lambda: f"supervising {ENVIRONMENT}" in self.lines, "the supervisor")
        return supervisor

    @property
    def settings(self) -> GatewaySettings:
        return GatewaySettings(port=self.port, log=None, drain=2.0)

    def start(self) -> subprocess.Popen[bytes]:
        """Start a supervisor in a process of its own; return when it supervises."""
        started = self.run()
        wait(lambda: (read_json(self.layout.supervisor) or {}).get("pid") == started.pid, "a supervisor")
        return started

    def run(self) -> subprocess.Popen[bytes]:
        """Start a supervisor."""
        self.layout.logs.mkdir(parents=True, exist_ok=True)
        with (self.layout.logs / "supervisor.log").open("ab") as log:
            started = subprocess.Popen(self.command(), stdout=log, stderr=log, start_new_session=True)
        self.supervisors.append(started)
        return started

    def crash(self) -> None:
        """Kill the supervisor that was started last."""
        self.supervisors[-1].kill()
        self.supervisors[-1].wait()

    def log(self) -> str:
        """Return what supervisors have logged, in this process and in others."""
        path = self.layout.logs / "supervisor.log"
        return "\n".join([*self.lines, path.read_text(encoding="utf-8") if path.exists() else ""])

    def replica(self, name: str = "production.1.0") -> dict[str, Any]:
        return read_json(self.layout.replica(name)) or {}

    def ready(self, name: str = "production.1.0", *, but: int | None = None) -> dict[str, Any]:
        """Wait until a replica is ready, as another process than ``but``; return its file."""
        wait(
            lambda: self.replica(name).get("ready") and self.replica(name)["pid"] != but,
            f"{name} to be ready",
        )
        return self.replica(name)

    def revision(self) -> int | None:
        """Return the revision of the pointer that the gateway follows; ``None`` where it does not answer."""
        status = gateway_status(self.layout)
        return None if status is None else status.revision

    def generation(self) -> int:
        """Return the generation of the routes that the gateway follows; 0 where it does not answer."""
        status = gateway_status(self.layout)
        return 0 if status is None else status.generation

    def up(self) -> str:
        """Wait until the gateway answers; return where."""
        wait(lambda: gateway_url(self.layout), "the gateway")
        return str(gateway_url(self.layout))

    def end(self) -> None:
        bring_down(self.layout, grace=1.0)
        for each in self.supervisors:
            each.wait(timeout=10)
        for thread in self.threads:
            thread.join(timeout=10)
            assert not thread.is_alive()
        assert find_marked(self.layout.root) == []


def wait(condition: Callable[[], Any], what: str, *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(values: dict[str, Any]) -> None:
    """Kill a process that a file of this test names."""
    found = Identity(pid=values["pid"], process_start=values["born"]).process()
    assert found is not None
    found.send_signal(signal.SIGKILL)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what a file of this test holds, as it stands; ``None`` where there is none."""
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None


def write_json(path: Path, values: object) -> None:
    """Write a file as another program would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def replica_file(**changes: Any) -> dict[str, Any]:
    """Return what version 1 of the file of a replica holds."""
    return {
        "deployment_id": "production.1",
        "index": 0,
        "pid": None,
        "born": None,
        "host": "127.0.0.1",
        "port": 1,
        "started_at": 1.0,
        "restarts": 0,
        "deaths": 0,
        "alive": True,
        "ready": True,
        "was_ready": True,
        "message": "",
        "death": "",
        "stop_grace": 1.0,
        **changes,
    }


class Lines(logging.Handler):
    """Keeps what is logged, as one line each."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What serving logs in this process, from the beginning of the test on."""
    logger, handler = logging.getLogger("pytest_mlops.serving"), Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.fixture
def world(tmp_path: Path, store: Store, logged: list[str]) -> Iterator[World]:
    (tmp_path / "server.py").write_text(textwrap.dedent(SERVER), encoding="utf-8")
    (tmp_path / "supervise.py").write_text(textwrap.dedent(SUPERVISE), encoding="utf-8")
    made = World(layout=Layout(root=tmp_path / "environment"), store=store, folder=tmp_path, lines=logged)
    yield made
    made.end()


@dataclass
class Keeper:
    """A fleet without supervisor and gateway, whose rounds a test starts."""

    world: World
    monitor: HealthMonitor
    fleet: Fleet
    died: list[str]
    first_line: int
    successors: list[Keeper] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """What was logged since it was made."""
        return self.world.lines[self.first_line :]

    def round(
        self, *plans: DeploymentPlan, restart_budget: int | None = None, replicas: int = 1, **changes: Any
    ) -> None:
        """Reconcile once; these plans alone are requested."""
        from collections import Counter

        requested = {
            each.deployment_id: Requested(plan=each, replicas=replicas, restart_budget=restart_budget)
            for each in plans
        }
        now = changes.pop("now", time.time())
        busy = changes.pop("busy", {})
        snapshot = Snapshot(requested=requested, **changes)
        self.fleet.reconcile(snapshot, Counter(self.died) if restart_budget is not None else Counter(), now)
        self.fleet.advance_draining(busy, now)

    def until(self, condition: Callable[[], Any], *plans: DeploymentPlan, **changes: Any) -> None:
        """Reconcile until something holds."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "\n".join(self.lines)
            self.round(*plans, **changes)
            time.sleep(0.01)

    def ready(self, plan: DeploymentPlan, *, but: int | None = None, **changes: Any) -> dict[str, Any]:
        """Reconcile until the first replica is ready, as another process than ``but``; return its file."""
        name = f"{plan.deployment_id}.0"
        self.until(
            lambda: self.world.replica(name).get("ready") and self.world.replica(name)["pid"] != but,
            plan,
            **changes,
        )
        return self.world.replica(name)

    def successor(self) -> Keeper:
        """Return a fleet that knows nothing of this one, as after the death of a supervisor."""
        self.successors.append(_keeper(self.world, self.monitor))
        return self.successors[-1]


def _keeper(world: World, monitor: HealthMonitor) -> Keeper:
    died: list[str] = []
    fleet = Fleet(layout=world.layout, monitor=monitor, drain=world.drain, on_death=died.append)
    return Keeper(world=world, monitor=monitor, fleet=fleet, died=died, first_line=len(world.lines))


@pytest.fixture
def keeper(world: World) -> Iterator[Keeper]:
    with HealthMonitor() as monitor:
        made = _keeper(world, monitor)
        yield made
        for each in (made, *made.successors):
            each.fleet.end_all(grace=0.5)


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with us."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MLOPS_")}
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(600)"], env=environ, start_new_session=True
    )
    yield process
    process.kill()
    process.wait()
