"""A project to deploy from: versions with real tickets, a small model server, a client that hammers it."""

from __future__ import annotations

import http.client
import os
import textwrap
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.evidence.case import Evidence
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.operations.local import local_manager, supervisor_command
from pytest_mlops.operations.project import find_environment
from pytest_mlops.records.codec import dump
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.records.measurement import Measurement, Origin
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import GateSettings, Policy, Requirement
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult, TestResults
from pytest_mlops.serving.supervisor.lifecycle import bring_down, bring_up, gateway_url
from pytest_mlops.state.paths import layout_of
from pytest_mlops.state.pointer import read_pointer
from pytest_mlops.state.rows import list_deployments
from pytest_mlops.store.engine import Store, open_store
from pytest_mlops.testing import make_result

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.operations.project import ProjectEnvironment
    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.rollout.manager import DeploymentManager
    from pytest_mlops.serving.supervisor.lifecycle import SupervisorCommand
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.pointer import Pointer
    from pytest_mlops.state.rows import DeploymentRow

__all__ = ["ENVIRONMENT", "MODEL", "Client", "Playground", "Version", "make_results", "write_version"]

MODEL, ENVIRONMENT = "risk", "production"
TEST = "test_model.py::test_rank"
CHUNK = 16 * 1024 * 1024
POLICY = Policy(
    requirements=(Requirement(capability="rank"),), gate=GateSettings(min_quality_score=0.0), configured=True
)

# Keeps connections open, as servers of models do; answers with the version that its model's file names.
SERVER = """
import json, os, pathlib, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

model = json.loads((pathlib.Path(os.environ["MLOPS_MODEL"]) / "model.json").read_text())
if model.get("start") == "crash":
    sys.exit("this version does not start")
predictions = 0
if model.get("dies_after"):
    threading.Timer(model["dies_after"], os._exit, [3]).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120

    def do_GET(self):
        sour = predictions > model.get("sours_after", 10**9)
        self.answer(503 if sour or model.get("health") == "sick" else 200, {"status": "ok"})

    def do_POST(self):
        global predictions
        predictions += 1
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        time.sleep(model.get("seconds", 0))
        bad = model.get("errors", 0) and hash(body) % 100 < model["errors"]
        self.answer(500 if bad else 200, {"version": model["version"]})

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((os.environ["MLOPS_HOST"], int(os.environ["MLOPS_PORT"])), Handler).serve_forever()
"""

CONFIG = """
model: {id: risk, version: "0"}
requirements: [{capability: rank}]
environments:
  production:
    serve: {command: ["{python}", serve.py], code: [serve.py], stop_grace: 3.0}
    health_checks:
      - {name: ready, check_type: http, endpoint: "{url}/healthz", interval: 0.2, timeout: 2.0}
    gateway: {drain: 5.0}
    rollout: ROLLOUT
"""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version on disk: its model, and the record of its run."""

    name: str
    record: Path
    model: Path
    digest: str


def write_version(
    folder: Path,
    name: str,
    *,
    files: dict[str, str],
    weights: int = 0,
    outcome: Outcome = Outcome.PASSED,
    timestamp: datetime | None = None,
    **changes: Any,
) -> Version:
    """Write a model and the record of a run that tested it, as the gate would.

    Args:
        folder: The project.
        name: The version.
        files: Name -> text of the model's files.
        weights: Bytes of a further file, of random bytes; 0 for none.
        outcome: Of its one test.
        timestamp: When it was tested; by default now.
        changes: Fields of the record.
    """
    home = folder / name
    model = home / "model"
    model.mkdir(parents=True)
    for file, text in files.items():
        (model / file).write_text(text, encoding="utf-8")
    if weights:
        with (model / "weights.bin").open("wb") as stream:
            for start in range(0, weights, CHUNK):
                stream.write(os.urandom(min(CHUNK, weights - start)))
    digest = digest_artifact(model).digest
    record = make_result(
        test_results=make_results(outcome),
        measurements=(Measurement(name="accuracy", value=0.9, n=100, origin=Origin.METRIC, test=TEST),),
        model_version=ModelVersion(
            model_id=MODEL, version_id=name, artifact_path=f"{name}/model", digest=digest
        ),
        policy=POLICY,
        run_id=f"run-{name}",
        timestamp=timestamp or datetime.now(UTC),
    ).model_copy(update=changes)
    path = home / "integration-result.json"
    path.write_text(dump(record), encoding="utf-8")
    return Version(name=name, record=path, model=model, digest=digest)


def make_results(outcome: Outcome) -> TestResults:
    """Return the results of one model test that covers the one cell."""
    test = TestResult(
        test_name=TEST,
        passed=outcome is Outcome.PASSED,
        outcome=outcome,
        conclusive=outcome in {Outcome.PASSED, Outcome.FAILED},
        covers=("rank:all",),
        evidence={"all": 100},
    )
    return TestResults(
        results=(test,), **count_outcomes((test,)), ordinary=OrdinaryTests(), session=SessionFacts()
    )


class Playground:
    """A project on disk with its environment up; use it in ``with``, and everything ends.

    Args:
        folder: An empty folder.
        rollout: The environment's ``rollout:``, as YAML on one line.
        config: A whole ``mlops.yaml`` instead.
    """

    def __init__(self, folder: Path, *, rollout: str = "{bake: 0.5}", config: str = CONFIG) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "serve.py").write_text(SERVER, encoding="utf-8")
        self.config = folder / "mlops.yaml"
        self.config.write_text(textwrap.dedent(config).replace("ROLLOUT", rollout), encoding="utf-8")
        self.store: Store = open_store(folder=folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        bring_down(self.layout, grace=5.0)
        self.store.close()

    @property
    def environment(self) -> DeploymentEnvironment:
        """As ``mlops.yaml`` declares it now."""
        return self.where.environment

    @property
    def where(self) -> ProjectEnvironment:
        """The environment in its project."""
        return find_environment(ENVIRONMENT, config=self.config)

    @property
    def layout(self) -> Layout:
        """Where its files lie."""
        return layout_of(self.folder, ENVIRONMENT)

    @property
    def start(self) -> SupervisorCommand:
        """How its supervisor is started."""
        return supervisor_command(self.where)

    def up(self) -> str:
        """Bring it up; return where clients reach it."""
        bring_up(self.layout, self.start, seconds=60.0)
        return self.url

    @property
    def url(self) -> str:
        """Where clients reach it."""
        found = gateway_url(self.layout)
        if found is None:
            raise RuntimeError("no gateway runs")
        return found

    def version(self, name: str, *, weights: int = 0, **traits: Any) -> Version:
        """Write a version with so many bytes of weights; ``traits`` say how it behaves in service."""
        import json  # noqa: PLC0415

        text = json.dumps({"version": name, **traits})
        return write_version(self.folder, name, files={"model.json": text}, weights=weights)

    def manager(self, *, actor: str = "ada") -> DeploymentManager:
        """Return what deploys."""
        return local_manager(self.store, self.where, actor=actor)

    def deploy(self, name: str, **traits: Any) -> Any:
        """Write a version and deploy it."""
        return self.manager().deploy(evidence_of(self.version(name, **traits)))

    def pointer(self) -> Pointer:
        """Return the pointer."""
        with self.store.read() as connection:
            return read_pointer(connection, ENVIRONMENT)

    def rows(self) -> tuple[DeploymentRow, ...]:
        """Return the deployments, newest first."""
        with self.store.read() as connection:
            return list_deployments(connection, ENVIRONMENT)

    def settle(self, *, seconds: float = 60.0) -> None:
        """Wait until nothing is under way.

        Raises:
            TimeoutError: something still is.
        """
        deadline = time.monotonic() + seconds
        while any(row.status is DeploymentStatus.DEPLOYING for row in self.rows()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"a deployment is still under way after {seconds:g} s")
            time.sleep(0.05)


def evidence_of(version: Version) -> Evidence:
    """Return the evidence of a version."""
    return Evidence(record=version.record, model=version.model, model_id=MODEL)


@dataclass(kw_only=True)
class Client:
    """Sends one request after the other on kept connections, and keeps every failure; use it in ``with``.

    Attributes:
        url: Where to.
        threads: How many at once.
        pause: Seconds between two requests of a thread.
    """

    url: str
    threads: int = 2
    pause: float = 0.005
    answers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._running = [
            threading.Thread(target=self._send_on, args=(number,), daemon=True)
            for number in range(self.threads)
        ]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        for thread in self._running:
            thread.join()

    def _send_on(self, number: int) -> None:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=40)
        count = 0
        while not self._over.wait(self.pause):
            count += 1
            try:
                connection.request("POST", "/predict", body=f'{{"n": "{number}-{count}"}}')
                answer = connection.getresponse()
                body = answer.read()
                seen = body.decode() if answer.status == 200 else ""
                problem = "" if answer.status == 200 else f"{answer.status}: {body[:200]!r}"
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                seen, problem = "", f"{type(error).__name__}: {error}"
            with self._lock:
                if problem:
                    self.failures.append(f"{datetime.now(UTC).isoformat()} {problem}")
                else:
                    self.answers[seen] = self.answers.get(seen, 0) + 1
        connection.close()
