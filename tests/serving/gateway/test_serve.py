"""The gateway's process: how it starts, how it ends, and how it watches over the supervisor."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")

from pytest_mlops.state.process_start import process_start_time
from tests.serving.gateway.conftest import route
from tests.serving.gateway.test_prediction_log import rows_of
from tests.serving.gateway.test_router import Held, asking
from tests.serving.gateway.test_shadow import saying

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.gateway.conftest import Backends, Gateway


def test_its_file_is_for_its_owner_alone(gateway: Gateway) -> None:
    facts = json.loads(gateway.file.read_bytes())
    assert facts["pid"] == gateway.pid
    assert facts["born"] == process_start_time(gateway.pid)
    assert (facts["host"], facts["port"]) == ("127.0.0.1", gateway.port)
    assert len(facts["token"]) >= 40
    assert stat.S_IMODE(gateway.file.stat().st_mode) == 0o600
    assert set(facts) == {"version", "pid", "born", "host", "port", "control_port", "token", "started_at"}


def test_it_listens_on_loopback_alone(gateway: Gateway) -> None:
    addresses = {
        connection.laddr.ip
        for connection in psutil.Process(gateway.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_it_follows_the_routes_that_it_finds(own: Callable[..., Gateway], backends: Backends) -> None:
    gateway = own()
    (gateway.root / "run").mkdir()
    table = gateway.table(route("dep", backends.serve(saying(b"found"))))
    (gateway.root / "run" / "routes.json").write_text(json.dumps(table), encoding="utf-8")
    gateway.start()
    assert gateway.client.get("/").content == b"found"
    assert gateway.status()["generation"] == table["generation"]


def test_routes_that_cannot_be_read_are_none(own: Callable[..., Gateway], backends: Backends) -> None:
    gateway = own()
    (gateway.root / "run").mkdir()
    (gateway.root / "run" / "routes.json").write_text('{"generation": 3, "rout', encoding="utf-8")
    gateway.start()
    assert gateway.client.get("/healthz").status_code == 503
    assert "no routes until the supervisor sends some" in gateway.log
    gateway.put(route("dep", backends.serve(saying(b"sent"))))
    assert gateway.client.get("/").content == b"sent"


def test_a_taken_port_is_an_error_with_a_message(own: Callable[..., Gateway]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        gateway = own(port=port)
        done = subprocess.run(gateway.command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert not gateway.file.exists()


def test_invalid_settings_are_an_error_with_a_message(own: Callable[..., Gateway]) -> None:
    gateway = own({"timeout": "long"})
    done = subprocess.run(gateway.command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "timeout" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_next_one_takes_the_port_of_the_one_before(
    own: Callable[..., Gateway], backends: Backends
) -> None:
    first = own(name="first").start()
    first.put(route("dep", backends.serve(saying(b"1"))))
    first.client.get("/")  # leaves a connection behind that is not yet forgotten
    first.stop(signal.SIGKILL)
    second = own(name="second", port=first.port).start()
    assert second.port == first.port
    assert second.client.get("/healthz").status_code == 503


def test_a_stop_lets_requests_end_and_writes_the_log(own: Callable[..., Gateway], backends: Backends) -> None:
    gateway = own({"drain": 50.0, "log": {"rotate_seconds": 600.0}}).start()
    held = Held()
    gateway.put(route("dep", backends.serve(held.app(b"whole"))))
    thread, got = asking(gateway)
    gateway.wait(lambda status: status["in_flight"]["dep"] == 1)
    os.kill(gateway.pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", gateway.port), timeout=1).close()
        except ConnectionRefusedError:
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert got == []
    held.go_on.set()
    assert gateway.stop() == 0
    thread.join()
    assert got == [b"whole"]
    (row,) = rows_of(gateway.root / "predictions")
    assert (row["status"], row["response"]) == (200, b"whole")


def test_a_stop_waits_no_longer_than_it_may(own: Callable[..., Gateway], backends: Backends) -> None:
    gateway = own({"drain": 1.0}).start()
    held = Held()
    gateway.put(route("dep", backends.serve(held.app(b"late"))))
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        gateway.wait(lambda status: status["in_flight"]["dep"] == 1)
        began = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - began > 0.9
    held.go_on.set()


def test_idle_clients_do_not_keep_it(own: Callable[..., Gateway], backends: Backends) -> None:
    gateway = own({"drain": 30.0}).start()
    gateway.put(route("dep", backends.serve(saying(b"1"))))
    gateway.client.get("/")
    assert gateway.stop() == 0  # whose patience is shorter than that of idle connections
