"""A gateway in a process of its own, and real servers behind it in a thread of the tests'."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

_numbers = itertools.count(1)

GUARD = 60.0
"""Seconds after which a test that waits has failed; far more than anything here takes."""


class Backends:
    """Servers that stand for replicas, in an event loop of a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._stops: list[Callable[[], None]] = []
        self._ends: list[Callable[[], None]] = []

    def serve(self, app: App, *, keep_alive: int = 30) -> int:
        """Run an ASGI application under uvicorn; return its port."""
        import uvicorn

        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, lifespan="off", log_config=None, log_level="critical", http="httptools", ws="none",
            timeout_keep_alive=keep_alive, timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        setattr(server, "capture_signals", contextlib.nullcontext)  # noqa: B010 -- this is no main thread
        done = asyncio.run_coroutine_threadsafe(server.serve(sockets=[listening]), self.loop)

        def stop() -> None:
            server.should_exit = True
            server.force_exit = True

        self._stops.append(stop)
        self._ends.append(lambda: done.result(10))
        while not server.started:
            time.sleep(0.005)
        return int(listening.getsockname()[1])

    def raw(self, handler: Handler) -> int:
        """Run a function for each connection; return the port."""

        async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
            writer.close()

        async def start() -> asyncio.Server:
            return await asyncio.start_server(guarded, "127.0.0.1", 0)

        server = asyncio.run_coroutine_threadsafe(start(), self.loop).result(10)
        self._stops.append(lambda: void(self.loop.call_soon_threadsafe(server.close)))
        return int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Stop them all."""
        for step in (*self._stops, *self._ends):
            step()
        asyncio.run_coroutine_threadsafe(self._cancel(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _cancel(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def void(_value: object) -> None:
    """Drop a value."""


def route(deployment: str, *ports: int, weight: float = 100.0) -> dict[str, Any]:
    """Return a route to replicas on local ports."""
    replicas = [
        {"id": f"{deployment}.{n}", "host": "127.0.0.1", "port": port} for n, port in enumerate(ports)
    ]
    return {
        "deployment": deployment,
        "version": f"model@{deployment}",
        "weight": weight,
        "replicas": replicas,
    }


def shadow(deployment: str, *ports: int, share: float = 1.0) -> dict[str, Any]:
    """Return a route of copies."""
    given = route(deployment, *ports)
    del given["weight"]
    return given | {"share": share}


class Gateway:
    """A gateway's process."""

    def __init__(self, root: Path, settings: dict[str, Any] | None = None, *, port: int = 0) -> None:
        self.root = root
        self.generation = 0
        root.mkdir(parents=True, exist_ok=True)
        (root / "settings.json").write_text(json.dumps(settings or {}), encoding="utf-8")
        self.command = [
            sys.executable, "-m", "pytest_mlops.serving.gateway", "--root", str(root), "--host", "127.0.0.1",
            "--port", str(port), "--settings", str(root / "settings.json"),
        ]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.control = httpx.Client(timeout=GUARD)
        self.client = httpx.Client(timeout=GUARD)

    def start(self) -> Gateway:
        """Start it and wait until it listens."""
        self.file.unlink(missing_ok=True)
        with (self.root / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + GUARD
        while not self.file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the gateway did not start: {self.log}")
            time.sleep(0.01)
        facts = json.loads(self.file.read_bytes())
        self.port = int(facts["port"])
        self.control.base_url = httpx.URL(f"http://127.0.0.1:{facts['control_port']}")
        self.control.headers["Authorization"] = f"Bearer {facts['token']}"
        self.client.base_url = httpx.URL(f"http://127.0.0.1:{self.port}")
        return self

    @property
    def file(self) -> Path:
        return self.root / "run" / "gateway.json"

    @property
    def log(self) -> str:
        return (self.root / "gateway.log").read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def table(self, *routes: dict[str, Any], shadows: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
        """Return the next table of routes."""
        self.generation += 1
        return {
            "generation": self.generation, "revision": self.generation * 10, "environment": "prod",
            "routes": list(routes), "shadow": list(shadows),
        }  # fmt: skip

    def put(self, *routes: dict[str, Any], shadows: tuple[dict[str, Any], ...] = ()) -> None:
        """Put routes in force."""
        answer = self.control.put("/routes", json=self.table(*routes, shadows=shadows))
        assert answer.status_code == 200, answer.text

    def status(self) -> dict[str, Any]:
        """Return what it says of itself."""
        answer = self.control.get("/status")
        assert answer.status_code == 200
        status: dict[str, Any] = answer.json()
        return status

    def counts(self, deployment: str) -> dict[str, Any]:
        """Return the counts of a deployment."""
        counts: dict[str, Any] = self.status()["counts"][deployment]
        return counts

    def wait(self, holds: Callable[[dict[str, Any]], bool], seconds: float = GUARD) -> dict[str, Any]:
        """Wait until the status is as expected."""
        deadline = time.monotonic() + seconds
        while not holds(status := self.status()):
            assert time.monotonic() < deadline, status
            time.sleep(0.01)
        return status

    def exchange(self, data: bytes, *, port: int | None = None, seconds: float = GUARD) -> bytes:
        """Send bytes and return all that comes until the connection is closed."""
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=seconds) as connection:
            connection.sendall(data)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    received += piece
        return received

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = GUARD) -> int:
        """End it; return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            raise

    def close(self) -> None:
        """End it, whatever state it is in."""
        self.control.close()
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)


@pytest.fixture(scope="session")
def backends() -> Iterator[Backends]:
    made = Backends()
    yield made
    made.close()


SETTINGS = {
    "timeout": 600.0,
    "drain": 5.0,
    "max_body": 256 * 1024,
    "log": {"rotate_seconds": 0.3, "rotate_rows": 1000, "max_body": 2048},
}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all tests that do not stop it."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), SETTINGS).start()
    yield gateway
    with contextlib.closing(gateway):
        assert gateway.stop() == 0
        assert "Traceback" not in gateway.log


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that gives replicas and clients one second."""
    gateway = Gateway(tmp_path_factory.mktemp("hasty"), SETTINGS | {"timeout": 1.0}).start()
    with contextlib.closing(gateway):
        yield gateway


@pytest.fixture
def gateway(shared: Gateway) -> Gateway:
    """The shared gateway, without routes."""
    shared.put()
    shared.client.cookies.clear()
    return shared


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Make gateways that a test may stop."""
    made: list[Gateway] = []

    def make(settings: dict[str, Any] | None = None, *, name: str = "root", port: int = 0) -> Gateway:
        made.append(Gateway(tmp_path / name, SETTINGS | (settings or {}), port=port))
        return made[-1]

    yield make
    for gateway in made:
        gateway.close()


@pytest.fixture
def name() -> str:
    """A deployment's name that no other test uses."""
    return f"dep-{next(_numbers)}"
