"""Tables of routes are swapped while requests are under way."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import psutil
import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")

from tests.serving.gateway.conftest import route
from tests.serving.gateway.test_shadow import saying

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.gateway.conftest import App, Backends, Gateway


class Hammer:
    """Clients that ask all the time, on kept connections; what is not a good answer is remembered."""

    def __init__(self, port: int, *, clients: int = 4) -> None:
        self.answers: Counter[bytes] = Counter()
        self.failures: list[str] = []
        self._port = port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._over.is_set():
            try:
                connection.request("POST", "/predict", body=b'{"instances": [1]}')
                answer = connection.getresponse()
                body = answer.read()
            except OSError as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            self.answers[body] += 1
            if answer.status != 200:
                self.failures.append(f"{answer.status} {body!r}")
        connection.close()


class Held:
    """An application that answers when the test lets it."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def app(self, body: bytes) -> App:
        async def app(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
            while not self.go_on.is_set():
                await asyncio.sleep(0.005)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

        return app


def asking(gateway: Gateway) -> tuple[threading.Thread, list[bytes]]:
    """Ask from a thread; return it with what it will get."""
    got: list[bytes] = []
    port = gateway.port

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        got.append(connection.getresponse().read())
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, got


def test_a_request_under_way_ends_where_it_began(gateway: Gateway, backends: Backends, name: str) -> None:
    held = Held()
    gateway.put(route(f"{name}-old", backends.serve(held.app(b"old"))))
    thread, got = asking(gateway)
    gateway.wait(lambda status: status["in_flight"].get(f"{name}-old") == 1)
    gateway.put(route(f"{name}-new", backends.serve(saying(b"new"))))
    assert gateway.client.get("/").content == b"new"
    status = gateway.status()
    assert status["in_flight"] == {f"{name}-old": 1, f"{name}-new": 0}
    assert status["in_flight_replicas"] == {f"{name}-old.0": 1, f"{name}-new.0": 0}
    held.go_on.set()
    thread.join()
    assert got == [b"old"]
    status = gateway.wait(lambda status: f"{name}-old" not in status["in_flight"])
    assert status["counts"][f"{name}-old"]["errors"] == 0


def test_every_request_after_the_confirmation_follows_the_new_table(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    ports = {b"old": backends.serve(saying(b"old")), b"new": backends.serve(saying(b"new"))}
    for _ in range(20):
        for body, port in ports.items():
            gateway.put(route(f"{name}-{body.decode()}", port))
            assert gateway.client.get("/").content == body


def test_connections_to_replicas_that_are_gone_are_closed(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    old = backends.serve(saying(b"old"))
    gateway.put(route(f"{name}-old", old))
    gateway.client.get("/")
    assert connections_to(gateway, old) == 1
    gateway.put(route(f"{name}-new", backends.serve(saying(b"new"))))
    until_no_connection(gateway, old)


def test_the_connection_of_a_request_under_way_is_closed_when_it_is_over(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    held = Held()
    old = backends.serve(held.app(b"old"))
    gateway.put(route(f"{name}-old", old))
    thread, _ = asking(gateway)
    gateway.wait(lambda status: status["in_flight"].get(f"{name}-old") == 1)
    gateway.put()
    assert connections_to(gateway, old) == 1
    held.go_on.set()
    thread.join()
    until_no_connection(gateway, old)


def test_a_replica_that_comes_back_is_used_again(gateway: Gateway, backends: Backends, name: str) -> None:
    first, second = backends.serve(saying(b"1")), backends.serve(saying(b"2"))
    gateway.put(route(name, first, second))
    gateway.put(route(name, first))
    assert {gateway.client.get("/").content for _ in range(4)} == {b"1"}
    gateway.put(route(name, first, second))
    assert {gateway.client.get("/").content for _ in range(4)} == {b"1", b"2"}


def test_a_request_whose_deployment_left_the_table_before_it_was_sent_goes_to_the_new_one(
    own: Callable[..., Gateway], backends: Backends
) -> None:
    """The old replica ends between the choice and the connection, since its backlog was full."""
    gateway = own().start()
    new = backends.serve(saying(b"new"))
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fill = [socket.socket() for _ in range(2)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        gateway.put(route("old", port))
        thread, got = asking(gateway)
        gateway.wait(lambda status: status["in_flight"].get("old") == 1)
        gateway.put(route("new", new))
        for each in fill:
            each.close()
    thread.join()
    assert got == [b"new"]
    counts = gateway.status()["counts"]
    assert set(counts) == {"new"}


def connections_to(gateway: Gateway, port: int) -> int:
    return sum(
        connection.status == psutil.CONN_ESTABLISHED
        for connection in psutil.Process(gateway.pid).net_connections("tcp")
        if getattr(connection.raddr, "port", None) == port
    )


def until_no_connection(gateway: Gateway, port: int) -> None:
    deadline = time.monotonic() + 60
    while connections_to(gateway, port):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def switch(gateway: Gateway, tables: list[dict[str, Any]], times: int, hammer: Hammer | None = None) -> None:
    """Switch between two tables, each time once a client has had another answer, where there are clients."""
    for n in range(times):
        answered = sum(hammer.answers.values()) if hammer is not None else 0
        gateway.put(tables[n % 2])
        deadline = time.monotonic() + 60
        while hammer is not None and sum(hammer.answers.values()) == answered:
            assert time.monotonic() < deadline, hammer.failures
            time.sleep(0.001)


@pytest.mark.parametrize("times", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_switches_under_load_fail_no_request_and_leak_nothing(
    own: Callable[..., Gateway], backends: Backends, times: int
) -> None:
    gateway = own().start()  # beside whatever else runs
    tables = [route(body.decode(), backends.serve(saying(body))) for body in (b"old", b"new")]
    switch(gateway, tables, 2)
    process = psutil.Process(gateway.pid)
    with Hammer(gateway.port) as hammer:
        switch(gateway, tables, times // 3, hammer)
        before = (process.num_fds(), process.num_threads(), process.memory_info().rss)
        switch(gateway, tables, times, hammer)
        after = (process.num_fds(), process.num_threads(), process.memory_info().rss)
    assert hammer.failures == []
    assert set(hammer.answers) == {b"old", b"new"}
    assert sum(hammer.answers.values()) >= times
    # Four clients have at most four connections to each of two replicas, whatever happened before.
    assert after[0] - before[0] <= 8
    assert after[1] <= before[1] + 1
    assert after[2] < before[2] * 1.1 + 2_000_000
    status = gateway.status()
    assert sum(counts["errors"] for counts in status["counts"].values()) == 0
    assert sum(counts["requests"] for counts in status["counts"].values()) == sum(hammer.answers.values())
