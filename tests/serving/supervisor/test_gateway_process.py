"""A supervisor that finds a gateway of another version works with it, or touches nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pytest_mlops.errors import SerializationError
from pytest_mlops.serving.gateway_client import gateway_status
from pytest_mlops.serving.gateway_protocol import Routes
from pytest_mlops.serving.processes import GATEWAY, find_marked, marks
from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
from pytest_mlops.serving.supervisor.lifecycle import bring_down, gateway_url
from pytest_mlops.serving.versioned import VERSION
from pytest_mlops.state.process_start import process_start_time
from tests.serving.supervisor.conftest import runs, wait, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serving.supervisor.conftest import World

# Speaks the first version: it takes the names that this had and no others, and has no number.
OLDER = """
import http.server, json, sys

table = {"generation": 0, "revision": 0}
expected = {"generation", "revision", "environment", "routes", "shadow"}

class Handler(http.server.BaseHTTPRequestHandler):
    def reply(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self):
        values = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != "Bearer s3cret":
            return self.reply(401, {"error": "no token"})
        if set(values) != expected:
            extra = ", ".join(sorted(set(values) - expected))
            return self.reply(400, {"error": f"no table of routes: {extra}: Extra inputs are not permitted"})
        table.update(values)
        self.reply(200, {name: table[name] for name in ("generation", "revision")})

    def do_GET(self):
        histogram = [[0.1, 3], [None, 1]]
        counts = {"requests": 4, "errors": 0, "latency": histogram, "shadow_requests": 0, "shadow_errors": 0,
                  "shadow_latency": [[0.1, 0], [None, 0]], "shadow_differences": 0}
        log = {"written": 4, "dropped": 0, "buffered": 0, "files": 1, "failures": 0}
        self.reply(200, {"epoch": "70ccaa92", "started_at": "2026-11-28T12:37:04.641585+00:00",
                         "generation": table["generation"], "revision": table["revision"],
                         "in_flight": {"production.1": 0}, "in_flight_replicas": {"production.1.0": 0},
                         "counts": {"production.1": counts}, "log": log})

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def gateway(world: World) -> Iterator[Callable[..., int]]:
    """Start a gateway whose file has a version; return its number."""
    started: list[subprocess.Popen[str]] = []

    def start(**more: Any) -> int:
        world.layout.root.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", textwrap.dedent(OLDER)],
            env={**os.environ, **marks(world.layout.root, GATEWAY)},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        address = {"host": "127.0.0.1", "port": port, "control_port": port, "token": "s3cret"}
        own = {"pid": process.pid, "born": process_start_time(process.pid)}
        write_json(world.layout.gateway, {**own, **address, "started_at": "2026-11-28", **more})
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_an_older_gateway_is_adopted_and_gets_routes_that_it_knows(
    world: World, gateway: Callable[..., int]
) -> None:
    pid = gateway()
    process = GatewayProcess(layout=world.layout, settings=world.settings, environ={})
    assert process.adopt()
    assert world.lines == [f"adopted the gateway, process {pid}, in version 1 of its protocol"]
    reply = process.send_routes(Routes(generation=7, revision=3, environment="production"))
    assert reply is not None
    assert (reply.in_force, reply.error) == (True, "")
    status = process.status()
    assert status is not None
    assert (status.version, status.generation, status.revision) == (1, 7, 3)
    assert status.counts["production.1"].latency == ((0.1, 3), (None, 1))
    assert status.log.written == 4


def test_a_gateway_that_refuses_routes_says_why(world: World, gateway: Callable[..., int]) -> None:
    gateway(version=VERSION)  # which is not what it speaks
    process = GatewayProcess(layout=world.layout, settings=world.settings, environ={})
    assert process.adopt()
    reply = process.send_routes(Routes(generation=7, revision=3, environment="production"))
    assert reply is not None
    assert (reply.in_force, reply.error) == (
        False,
        "no table of routes: version: Extra inputs are not permitted",
    )


def test_a_supervisor_of_an_older_gateway_leads_its_traffic(
    world: World, gateway: Callable[..., int]
) -> None:
    pid = gateway()
    world.supervise()
    world.add(world.plan())
    world.ready()
    revision = world.point(d_1=100.0)
    wait(lambda: world.revision() == revision, "the routes")
    assert runs(pid)
    assert [each.process.pid for each in find_marked(world.layout.root) if each.marker == GATEWAY] == [pid]


def test_a_supervisor_that_finds_a_newer_gateway_touches_nothing(
    world: World, gateway: Callable[..., int]
) -> None:
    pid = gateway(version=VERSION + 1, protocol="h3")
    before = world.layout.gateway.read_bytes()
    message = (
        f"gateway.json: got version {VERSION + 1}, written by a newer pytest-mlops; expected 1 to {VERSION}"
    )
    supervisor = world.run()
    assert supervisor.wait(timeout=60) != 0
    assert message in world.log()
    assert runs(pid)
    assert world.layout.gateway.read_bytes() == before
    assert not world.layout.supervisor.exists()
    assert [each.process.pid for each in find_marked(world.layout.root)] == [pid]
    for ask in (gateway_status, gateway_url):
        with pytest.raises(SerializationError, match=message):
            ask(world.layout)
    bring_down(world.layout, grace=1.0)
    assert not runs(pid)


def test_a_newer_file_of_a_gateway_that_is_gone_is_replaced(world: World) -> None:
    write_json(world.layout.gateway, {"version": VERSION + 1, "pid": 1 << 30})
    world.supervise()
    world.up()
    assert json.loads(world.layout.gateway.read_bytes())["version"] == VERSION
    assert psutil.pid_exists(json.loads(world.layout.gateway.read_bytes())["pid"])
