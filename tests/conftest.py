"""What the tests share: no CI around them, a small project under the gate, a store on each database."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import textwrap
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import scipy.special
import scipy.stats  # noqa: F401 -- as below

# Runs inside this process drop every module they were first to import, and NumPy cannot be imported twice.
import pytest_mlops.gate.activate
import pytest_mlops.gate.items
import pytest_mlops.gate.recorder
import pytest_mlops.metrics.plugin_metrics
import pytest_mlops.metrics.predictions
from pytest_mlops.errors import StoreError
from pytest_mlops.records.codec import load_integration_result

with contextlib.suppress(ImportError, StoreError):  # nor can SQLAlchemy, of the ops extra
    import alembic.command  # noqa: F401

    import pytest_mlops.registry.submission  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.store.engine import Store

pytest_plugins = "pytester"

# The time of one example says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any-machine")

OF_CI = ("CI", "BUILD_URL", "CI_", "GITHUB_", "GITLAB_", "MLOPS_", "PYTEST_ADDOPTS", "PYTEST_XDIST_")

# Two worker processes cost seconds, and the workers of each part have a fast test of their own.
BARE_AND_WORKERS = pytest.mark.parametrize(
    "how",
    [pytest.param((), id="bare"), pytest.param(("-n2",), id="workers", marks=pytest.mark.slow)],
)


def pytest_configure(config: pytest.Config) -> None:
    """Give every process of this run a cache of bytecode where Python's own is turned off.

    Tests start thousands of processes; without one, each of them compiles whatever it imports.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", "") and "PYTHONPYCACHEPREFIX" not in os.environ:
        cache = tempfile.mkdtemp(prefix="pytest-mlops-bytecode-")
        os.environ["PYTHONPYCACHEPREFIX"] = cache
        config.add_cleanup(partial(shutil.rmtree, cache, ignore_errors=True))


@pytest.fixture(scope="session", autouse=True)
def without_ci() -> Iterator[None]:
    """Take out what CI and an outer xdist left in the environment, so that every context is ``local``."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name == "CI" or name.startswith(OF_CI[1:]):
                patch.delenv(name)
        # Its plugin alone makes every run of pytest that a test starts a third longer.
        patch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
        yield


class Gate:
    """A small project in a folder of its own, run under the gate inside this process."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.folder = pytester.path
        self.path = pytester.path / ".mlops" / "integration-result.json"

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project; ``text`` may be indented as a whole."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run ``pytest --mlops-gate`` with further arguments."""
        return self.pytester.runpytest_inprocess("--mlops-gate", *arguments, no_reraise_ctrlc=True)

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        """Run ``pytest --mlops-gate`` in a process of its own."""
        return self.pytester.runpytest_subprocess("--mlops-gate", *arguments)

    def record(self) -> IntegrationResult:
        """Read the record of the last run."""
        return load_integration_result(self.path.read_bytes())


@pytest.fixture
def gate(pytester: pytest.Pytester) -> Gate:
    """Return an empty project."""
    return Gate(pytester)


def _postgresql_program(name: str) -> str:
    """Return the path of a program of the PostgreSQL server; distributions keep it off the PATH."""
    found = shutil.which(name)
    if found is None:
        elsewhere = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        found = str(elsewhere[-1]) if elsewhere else None
    return found or pytest.skip(f"there is no {name}; install the package postgresql")


@contextlib.contextmanager
def _running_postgresql(*, fsync: bool) -> Iterator[str]:
    """Run a PostgreSQL server of our own on a free port of the loopback; give the URL of a database."""
    initdb, pg_ctl = _postgresql_program("initdb"), _postgresql_program("pg_ctl")
    as_root = os.geteuid() == 0  # which the server refuses to run as
    if as_root and shutil.which("runuser") is None:
        pytest.skip("there is no runuser to start PostgreSQL with; install the package util-linux")
    command = ["runuser", "-u", "postgres", "--"] if as_root else []
    folder = Path(tempfile.mkdtemp(prefix="pytest-mlops-postgresql-"))
    data = str(folder / "data")

    def run(*arguments: str) -> None:
        subprocess.run([*command, *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        if as_root:
            shutil.chown(folder, "postgres")
        locale = ["-E", "UTF8", "--locale=C.UTF-8"]
        run(initdb, "-D", data, "-A", "trust", "-U", "test", "-N", *locale)
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync={'on' if fsync else 'off'}"
        run(pg_ctl, "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield f"postgresql://test@127.0.0.1:{port}/postgres"
        finally:
            run(pg_ctl, "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give the URL of a real PostgreSQL server, started once a test process, where its programs are."""
    pytest.importorskip("psycopg")
    fsync = os.environ.get("POSTGRESQL_FSYNC") == "on"
    with _running_postgresql(fsync=fsync) as url:
        yield url


@contextlib.contextmanager
def _empty_database(server: str) -> Iterator[str]:
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """Give the URL of an empty database on PostgreSQL."""
    with _empty_database(postgres_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a store that is not there yet, on each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store' / 'store.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Give an empty store, on each database in turn."""
    pytest.importorskip("sqlalchemy")
    from pytest_mlops.store.engine import open_store

    with open_store(store_url, timeout=20) as store:
        yield store
