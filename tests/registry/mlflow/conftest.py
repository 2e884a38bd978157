"""A real MLflow server, started once a test process, and what the tests put into it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Read here, since every test runs without the variables of ours.
PYTHON = os.environ.get("MLOPS_MLFLOW_PYTHON") or (
    sys.executable if importlib.util.find_spec("mlflow") is not None else None
)
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
OURS = ("MLOPS_", "MLFLOW_", "PYTEST_", "COVERAGE_")


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A running server, and a few calls that another client makes to it."""

    url: str
    http: httpx.Client

    def call(self, method: str, path: str, **body: object) -> dict[str, Any]:
        """Call its REST interface, as any other user would."""
        send = {"params": body} if method == "GET" else {"json": body}
        answer = self.http.request(method, f"{self.url}/api/2.0/mlflow/{path}", **send)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert isinstance(found, dict)
        return found

    def alias(self, name: str, alias: str) -> str | None:
        """Return where an alias points."""
        model = self.call("GET", "registered-models/get", name=name)["registered_model"]
        return {one["alias"]: one["version"] for one in model.get("aliases", [])}.get(alias)

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Move an alias as another client."""
        self.call("POST", "registered-models/alias", name=name, alias=alias, version=version)

    def version(self, name: str, version: str) -> dict[str, Any]:
        """Return a model version, its tags as a mapping."""
        found = self.call("GET", "model-versions/get", name=name, version=version)["model_version"]
        return {**found, "tags": {tag["key"]: tag["value"] for tag in found.get("tags", [])}}

    def add_version(
        self,
        name: str,
        files: Mapping[str, bytes],
        *,
        metrics: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Register a version that a run made, and return its number."""
        created = self.call("POST", "experiments/create", name=uuid.uuid4().hex)
        run = self.call("POST", "runs/create", experiment_id=created["experiment_id"])["run"]["info"]
        self.call(
            "POST",
            "runs/log-batch",
            run_id=run["run_id"],
            metrics=[
                {"key": key, "value": value, "timestamp": 1, "step": 0}
                for key, value in (metrics or {}).items()
            ],
            params=[{"key": key, "value": value} for key, value in (params or {}).items()],
        )
        root = run["artifact_uri"].removeprefix("mlflow-artifacts:/").strip("/")
        for path, data in files.items():
            url = f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{root}/model/{path}"
            assert self.http.put(url, content=data).status_code == 200
        with contextlib.suppress(AssertionError):  # it is there already
            self.call("POST", "registered-models/create", name=name)
        made = self.call(
            "POST",
            "model-versions/create",
            name=name,
            source=f"{run['artifact_uri']}/model",
            run_id=run["run_id"],
            tags=[{"key": key, "value": value} for key, value in (tags or {}).items()],
        )
        return str(made["model_version"]["version"])


@pytest.fixture(scope="session")
def mlflow_python() -> str:
    """Give an interpreter that has mlflow."""
    if PYTHON is None:
        pytest.skip("needs the package mlflow; MLOPS_MLFLOW_PYTHON may name an interpreter that has it")
    return PYTHON


@pytest.fixture(scope="session")
def server(mlflow_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a real MLflow server on SQLite that serves artifacts."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [mlflow_python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**theirs, **ENVIRONMENT},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(timeout=60) as http:
            _wait(http, f"{url}/health", process, folder / "log")
            yield Server(url=url, http=http)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(http: httpx.Client, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 600
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if http.get(url).status_code == 200:
                return
        time.sleep(0.2)
    pytest.fail(f"the MLflow server did not start: {log.read_text(encoding='utf-8')[-2000:]}")


@pytest.fixture
def name() -> str:
    """Give the name of a registered model that no other test uses."""
    return f"credit {uuid.uuid4().hex[:8]}"
