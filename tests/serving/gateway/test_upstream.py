"""Replicas that are slow, away, or talk nonsense."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")

from tests.serving.gateway.conftest import route

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.gateway.conftest import Backends, Gateway, Handler

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def answering(data: bytes, *, close: bool = False) -> Handler:
    """Return a server that answers every request with the same bytes."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(data)
            await writer.drain()
            if close:
                return

    return handler


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


def test_no_response_in_time_is_504(hasty: Gateway, backends: Backends, name: str) -> None:
    hasty.put(route(name, backends.raw(silent)))
    began = time.monotonic()
    answer = hasty.client.get("/")
    assert answer.status_code == 504
    assert time.monotonic() - began > 0.9
    assert "no response within 1 s" in answer.json()["error"]
    assert answer.headers["x-mlops-deployment"] == name
    counts = hasty.counts(name)
    assert (counts["requests"], counts["errors"]) == (1, 1)
    assert hasty.status()["in_flight"][name] == 0


def test_a_stream_that_pauses_for_too_long_is_aborted(hasty: Gateway, backends: Backends, name: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"
    hasty.put(route(name, backends.raw(answering(head))))
    answer = hasty.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.endswith(b"3\r\none\r\n")  # and no last chunk
    assert hasty.counts(name)["errors"] == 1


def test_a_stream_may_take_longer_than_the_timeout_altogether(
    hasty: Gateway, backends: Backends, name: str
) -> None:
    async def slow(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(15):
            await asyncio.sleep(0.1)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    hasty.put(route(name, backends.serve(slow)))
    assert hasty.client.get("/").content == b"x" * 15
    assert hasty.counts(name)["errors"] == 0


def test_another_replica_is_asked_where_one_refuses(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, free_port(), backends.raw(answering(OK))))
    assert [gateway.client.post("/", content=b"x").status_code for _ in range(6)] == [200] * 6
    counts = gateway.counts(name)
    assert (counts["requests"], counts["errors"]) == (6, 0)


def test_a_streamed_body_that_was_not_started_goes_to_another_replica(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    gateway.put(route(name, free_port(), backends.raw(answering(OK))))
    answers = [gateway.client.post("/", content=iter([b"a", b"b"])) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4


def test_where_all_replicas_refuse_the_answer_is_502_and_an_error_of_the_deployment(
    gateway: Gateway, name: str
) -> None:
    gateway.put(route(name, free_port(), free_port()))
    answer = gateway.client.get("/")
    assert answer.status_code == 502
    assert "cannot connect" in answer.json()["error"]
    assert gateway.counts(name)["errors"] == 1


def test_a_dead_deployments_requests_go_to_no_other(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, free_port()), route(f"{name}-other", backends.raw(answering(OK)), weight=0.0))
    assert gateway.client.get("/").status_code == 502


def test_without_a_replica_the_answer_is_503(gateway: Gateway, name: str) -> None:
    gateway.put(route(name))
    answer = gateway.client.get("/")
    assert answer.status_code == 503
    assert answer.json()["error"] == "no version is ready to answer"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_kept_connection_that_the_replica_closed_is_replaced(
    gateway: Gateway, backends: Backends, name: str, method: str
) -> None:
    """The replica closes just as the second request comes, as one whose idle time is over does."""
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")

    gateway.put(route(name, backends.raw(once)))
    assert [gateway.client.request(method, "/").status_code for _ in range(3)] == [200] * 3
    assert connections == 3
    assert gateway.counts(name)["errors"] == 0


def test_a_request_that_ends_a_replica_is_sent_to_no_other(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    """The replica dies of the second request on a kept connection, and does not listen any more."""
    deadly = 0

    def replica() -> int:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal deadly
            while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /well"):
                writer.write(OK)
            deadly += 1

        return backends.raw(answer)

    gateway.put(route(name, replica(), replica(), replica()))
    assert [gateway.client.get("/well").status_code for _ in range(6)] == [200] * 6
    assert gateway.client.post("/deadly").status_code == 502
    assert deadly <= 2  # on the kept connection, and on a new one to the same replica
    assert gateway.counts(name)["errors"] == 1


def test_a_new_connection_that_closes_without_an_answer_is_not_tried_again(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    connections = 0

    async def crash(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")

    gateway.put(route(name, backends.raw(crash)))
    assert gateway.client.post("/").status_code == 502
    assert connections == 1


def test_a_request_that_was_half_answered_is_not_tried_again(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    requests = 0

    async def second_breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        await writer.drain()

    gateway.put(route(name, backends.raw(second_breaks)))
    assert gateway.client.post("/").status_code == 200
    assert gateway.client.post("/").status_code == 502
    assert requests == 2


NONSENSE = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n",
    "a change of protocol": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a status out of range": b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_502(gateway: Gateway, backends: Backends, name: str, data: bytes) -> None:
    gateway.put(route(name, backends.raw(answering(data))))
    answer = gateway.client.get("/")
    assert answer.status_code == 502, answer.text
    assert gateway.counts(name)["errors"] == 1


def test_a_short_answer_that_breaks_off_is_502(gateway: Gateway, backends: Backends, name: str) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nonly this"
    gateway.put(route(name, backends.raw(answering(data, close=True))))
    answer = gateway.client.get("/")
    assert answer.status_code == 502
    assert "broke off" in answer.json()["error"]


LONG = {
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
    "of known length": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\none",
}


@pytest.mark.parametrize("data", LONG.values(), ids=LONG.keys())
def test_a_long_answer_that_breaks_off_never_seems_whole(
    gateway: Gateway, backends: Backends, name: str, data: bytes
) -> None:
    gateway.put(route(name, backends.raw(answering(data, close=True))))
    answer = gateway.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n0\r\n" not in answer
    assert answer.count(b"one") == 1
    assert gateway.counts(name)["errors"] == 1


def test_an_answer_that_ends_with_its_connection_is_whole(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    gateway.put(route(name, backends.raw(answering(b"HTTP/1.0 200 OK\r\n\r\nall of it", close=True))))
    assert gateway.client.get("/").content == b"all of it"
    assert gateway.counts(name)["errors"] == 0


def test_interim_answers_are_passed_over(gateway: Gateway, backends: Backends, name: str) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    gateway.put(route(name, backends.raw(answering(hints + OK))))
    assert [gateway.client.get("/").content for _ in range(3)] == [b"ok"] * 3


def test_bytes_after_an_answer_never_become_the_next_one(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    extra = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    connections = 0

    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(OK + extra)(reader, writer)

    gateway.put(route(name, backends.raw(chatty)))
    assert [gateway.client.get("/").content for _ in range(5)] == [b"ok"] * 5
    assert connections == 5  # who talks without being asked is not listened to again


def test_a_replicas_500_is_passed_on_and_counted(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, backends.raw(answering(OK.replace(b"200 OK", b"500 Oh")))))
    assert gateway.client.get("/").status_code == 500
    counts = gateway.counts(name)
    assert (counts["requests"], counts["errors"]) == (1, 1)
    assert sum(count for _, count in counts["latency"]) == 0


def test_a_client_disconnect_ends_the_work_for_it(gateway: Gateway, backends: Backends, name: str) -> None:
    left = threading.Event()

    async def works(_scope: dict[str, Any], receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    gateway.put(route(name, backends.serve(works)))
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        gateway.wait(lambda status: status["in_flight"][name] == 1)
        time.sleep(0.05)
    assert left.wait(60)  # long before the timeout
    status = gateway.wait(lambda status: status["in_flight"][name] == 0)
    assert status["counts"][name]["errors"] == 1


def test_a_client_disconnect_from_a_stream_is_no_error(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    left = threading.Event()

    async def endless(_scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        watching = asyncio.ensure_future(receive())
        await watching
        watching = asyncio.ensure_future(receive())
        while not watching.done():
            await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
            await asyncio.sleep(0.01)
        left.set()

    gateway.put(route(name, backends.serve(endless)))
    with gateway.client.stream("GET", "/") as answer:
        assert next(answer.iter_bytes()).startswith(b"tick")
        time.sleep(0.1)
    assert left.wait(60)
    status = gateway.wait(lambda status: status["in_flight"][name] == 0)
    assert (status["counts"][name]["requests"], status["counts"][name]["errors"]) == (1, 0)


def test_a_client_disconnect_during_its_upload_is_no_evidence_about_the_deployment(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    gateway.put(route(name, backends.raw(silent)))
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        gateway.wait(lambda status: status["in_flight"][name] == 1)
    status = gateway.wait(lambda status: status["in_flight"][name] == 0)
    assert name not in status["counts"]


def test_connections_are_kept(gateway: Gateway, backends: Backends, name: str) -> None:
    connections = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(OK)(reader, writer)

    gateway.put(route(name, backends.raw(counted)))
    for _ in range(20):
        assert gateway.client.get("/").content == b"ok"
    assert connections == 1


def test_replicas_take_turns(gateway: Gateway, backends: Backends, name: str) -> None:
    ports = [backends.raw(answering(OK[:-2] + letter)) for letter in (b"a1", b"b2", b"c3")]
    gateway.put(route(name, *ports))
    answers = [gateway.client.get("/").content for _ in range(9)]
    assert sorted(answers) == sorted([b"a1", b"b2", b"c3"] * 3)


def test_a_gateway_without_routes_keeps_serving_its_pages(own: Callable[..., Gateway]) -> None:
    gateway = own().start()
    assert gateway.client.get("/healthz").status_code == 503
    assert gateway.client.get("/predict").status_code == 503
    assert gateway.client.get("/metrics").status_code == 200
