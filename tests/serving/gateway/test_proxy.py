"""What goes through the gateway, and how."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")

from tests.serving.gateway.conftest import route

if TYPE_CHECKING:
    import httpx

    from tests.serving.gateway.conftest import Backends, Gateway


async def body_of(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with what came."""
    body = await body_of(receive)
    facts = {
        "method": scope["method"],
        "target": (scope["raw_path"] + b"?" + scope["query_string"]).decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    data = json.dumps(facts).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
    headers += [
        (b"x-own", b"1"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"keep-alive", b"timeout=9"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": data})


@pytest.fixture(scope="module")
def port(backends: Backends) -> int:
    return backends.serve(echo)


@pytest.fixture
def serving(gateway: Gateway, port: int, name: str) -> Gateway:
    gateway.put(route(name, port))
    return gateway


def headers_of(answer: httpx.Response) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in answer.json()["headers"]:
        found.setdefault(key, []).append(value)
    return found


def test_a_request_gets_the_replicas_answer(serving: Gateway, name: str) -> None:
    answer = serving.client.post("/predict%2Fa?x=%41&y", json={"instances": [1]}, headers={"X-Any": "thing"})
    assert answer.status_code == 200
    facts = answer.json()
    assert (facts["method"], facts["target"]) == ("POST", "/predict%2Fa?x=%41&y")
    assert json.loads(facts["body"]) == {"instances": [1]}
    assert headers_of(answer)["x-any"] == ["thing"]
    assert answer.headers["x-mlops-deployment"] == name
    assert answer.headers["x-own"] == "1"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS"])
def test_methods_go_through(serving: Gateway, method: str) -> None:
    answer = serving.client.request(method, "/any", content=b"x" if method in {"PUT", "PATCH"} else None)
    assert answer.json()["method"] == method
    assert ("content-length" in headers_of(answer)) == (method in {"PUT", "PATCH"})


def test_a_body_of_no_bytes_stays_one(serving: Gateway) -> None:
    assert headers_of(serving.client.post("/predict", content=b""))["content-length"] == ["0"]


def test_headers_of_one_connection_stay_there(serving: Gateway) -> None:
    answer = serving.client.get(
        "/",
        headers={
            "Connection": "keep-alive, X-Mine",
            "X-Mine": "1",
            "Keep-Alive": "timeout=5",
            "TE": "trailers",
            "Trailer": "X-T",
            "Proxy-Authorization": "Basic x",
            "Upgrade": "h2c",
            "X-MLOps-Deployment": "forged",
            "X-MLOps-Shadow": "true",
        },
    )
    names = set(headers_of(answer))
    assert not names & {
        "connection", "x-mine", "keep-alive", "te", "trailer", "proxy-authorization", "upgrade",
        "x-mlops-deployment", "x-mlops-shadow",
    }  # fmt: skip
    assert "keep-alive" not in answer.headers


def test_the_replica_learns_who_asked_and_for_what(serving: Gateway) -> None:
    seen = headers_of(serving.client.get("/", headers={"Host": "models.example"}))
    assert seen["host"] == ["models.example"]
    assert seen["x-forwarded-host"] == ["models.example"]
    assert seen["x-forwarded-for"] == ["127.0.0.1"]
    assert seen["x-forwarded-proto"] == ["http"]


def test_forwarded_headers_of_an_earlier_proxy_are_kept(serving: Gateway) -> None:
    given = {"X-Forwarded-For": "10.0.0.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example"}
    seen = headers_of(serving.client.get("/", headers=given))
    assert seen["x-forwarded-for"] == ["10.0.0.9, 127.0.0.1"]
    assert seen["x-forwarded-proto"] == ["https"]
    assert seen["x-forwarded-host"] == ["a.example"]


def test_a_sane_request_id_is_kept(serving: Gateway) -> None:
    answer = serving.client.get("/", headers={"X-Request-Id": "abc-1.2:3"})
    assert answer.headers["x-request-id"] == "abc-1.2:3"
    assert headers_of(answer)["x-request-id"] == ["abc-1.2:3"]


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>"])
def test_another_request_id_is_replaced(serving: Gateway, given: str) -> None:
    answer = serving.client.get("/", headers={"X-Request-Id": given})
    made = answer.headers["x-request-id"]
    assert len(made) == 32
    assert headers_of(answer)["x-request-id"] == [made]


def test_a_chunked_body_goes_through(serving: Gateway) -> None:
    answer = serving.client.post("/", content=iter([b"ab", b"cd" * 40_000, b"e"]))
    assert answer.json()["body"] == "ab" + "cd" * 40_000 + "e"
    assert headers_of(answer)["transfer-encoding"] == ["chunked"]


def test_a_long_body_of_known_length_goes_through(serving: Gateway) -> None:
    answer = serving.client.post("/", content=b"z" * 200_000)
    assert answer.json()["body"] == "z" * 200_000
    assert headers_of(answer)["content-length"] == ["200000"]


def test_a_trailer_is_no_header(serving: Gateway) -> None:
    answer = serving.exchange(
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\nX-Smuggled: yes\r\nX-Forwarded-Proto: https\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"smuggled" not in answer
    assert b"https" not in answer


def test_an_upload_reaches_the_replica_as_it_comes(gateway: Gateway, backends: Backends, name: str) -> None:
    async def acknowledge(_scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            if message["body"]:
                await send(
                    {"type": "http.response.body", "body": b"got %b;" % message["body"], "more_body": True}
                )
        await send({"type": "http.response.body", "body": b""})

    gateway.put(route(name, backends.serve(acknowledge)))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        received = b""
        while b"got one;" not in received:
            received += connection.recv(4096)
        connection.sendall(b"3\r\ntwo\r\n0\r\n\r\n")
        while b"0\r\n\r\n" not in received:
            received += connection.recv(4096)
    assert b"got two;" in received


def test_events_are_handed_on_as_they_come(gateway: Gateway, backends: Backends, name: str) -> None:
    go_on = threading.Event()

    async def events(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        while not go_on.is_set():
            await asyncio.sleep(0.005)
        await send({"type": "http.response.body", "body": b"data: 2\n\n"})

    gateway.put(route(name, backends.serve(events)))
    with gateway.client.stream("GET", "/events") as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"data: 1\n\n"
        go_on.set()
        assert b"".join(pieces) == b"data: 2\n\n"


def test_a_head_is_handed_on_before_any_body(gateway: Gateway, backends: Backends, name: str) -> None:
    go_on = threading.Event()

    async def late(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not go_on.is_set():
            await asyncio.sleep(0.005)
        await send({"type": "http.response.body", "body": b"done"})

    gateway.put(route(name, backends.serve(late)))
    with gateway.client.stream("GET", "/") as answer:
        assert answer.status_code == 200
        go_on.set()
        assert answer.read() == b"done"


def test_a_large_answer_comes_as_fast_as_the_client_takes_it(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    piece, count, sent = b"0123456789abcdef" * 4096, 1600, [0]

    async def large(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"%d" % (len(piece) * count))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for sent[0] in range(1, count + 1):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    gateway.put(route(name, backends.serve(large)))
    size = 0
    with gateway.client.stream("GET", "/") as answer:
        before = -1
        while before != sent[0]:  # until all buffers on the way are full
            before = sent[0]
            time.sleep(0.2)
        assert before < 400
        for data in answer.iter_bytes():
            size += len(data)
    assert size == len(piece) * count


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_have_none(
    gateway: Gateway, backends: Backends, name: str, status: int
) -> None:
    async def bare(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"etag", b'"1"')]})
        await send({"type": "http.response.body", "body": b""})

    gateway.put(route(name, backends.serve(bare)))
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = gateway.exchange(request + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answer.count(b"HTTP/1.1 %d" % status) == 2
    assert b"transfer-encoding" not in answer.lower()
    assert answer.endswith(b"\r\n\r\n")
    assert gateway.counts(name)["errors"] == 0


def test_head_has_the_length_and_no_body(serving: Gateway, name: str) -> None:
    answer = serving.exchange(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: " in head
    assert b"content-length: 0" not in head
    assert body == b""
    assert serving.counts(name)["errors"] == 0


def test_pipelined_requests_are_answered_in_order(serving: Gateway) -> None:
    one = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n%d"
    last = b"GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = serving.exchange(b"".join(one % (n, n) for n in (1, 2, 3)) + last)
    places = [answer.index(b'"target": "/%d?"' % n) for n in (1, 2, 3, 4)]
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 200 ") == 4


def test_http_1_0_is_answered_and_closed(serving: Gateway) -> None:
    answer = serving.exchange(b"GET /old HTTP/1.0\r\n\r\n")
    assert b" 200 " in answer.splitlines()[0]
    assert b'"/old?"' in answer


def test_100_continue_is_given(serving: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", serving.port), timeout=5) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"hi")
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert b'"body": "hi"' in received
    assert b"expect" not in received


CONFLICTS = {
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a length that is none": b"Content-Length: 5x\r\n\r\nhello",
    "a negative length": b"Content-Length: -5\r\n\r\nhello",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked and then another": b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded header": b"X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n",
    "a chunk size that is none": b"Transfer-Encoding: chunked\r\n\r\n5;x\nhello\r\n0\r\n\r\n",
    "a bare line feed": b"X-A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"Host: b\r\n\r\n",
}


@pytest.mark.parametrize("rest", CONFLICTS.values(), ids=CONFLICTS.keys())
def test_a_request_of_two_meanings_is_refused_and_its_connection_closed(
    serving: Gateway, name: str, rest: bytes
) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = serving.exchange(b"POST / HTTP/1.1\r\nHost: a\r\n" + rest + smuggled)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"smuggled" not in answer
    assert serving.status()["counts"].get(name, {"requests": 0})["requests"] == 0


def test_a_request_without_a_host_is_refused(serving: Gateway) -> None:
    assert serving.exchange(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("target", [b"*", b"http://other.example", b"no-slash"])
def test_a_target_without_a_path_is_refused(serving: Gateway, target: bytes) -> None:
    assert serving.exchange(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target).startswith(b"HTTP/1.1 400 ")


def test_an_absolute_target_is_reduced_to_its_path(serving: Gateway) -> None:
    answer = serving.exchange(
        b"GET http://other.example:1/p?q=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    assert b'"/p?q=1"' in answer


def test_a_head_that_never_ends_is_refused(serving: Gateway) -> None:
    answer = serving.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 300000", b"Transfer-Encoding: chunked"])
def test_a_body_that_is_too_long_is_refused(serving: Gateway, framing: bytes) -> None:
    data = b"493E0\r\n" + b"a" * 300_000 + b"\r\n0\r\n\r\n" if b"chunked" in framing else b"a" * 300_000
    answer = serving.exchange(b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % framing + data)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


def test_a_body_that_does_not_come_is_given_up(hasty: Gateway, port: int, name: str) -> None:
    hasty.put(route(name, port))
    answer = hasty.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
    assert answer.startswith(b"HTTP/1.1 408 ")
    answer = hasty.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ")
    status = hasty.wait(lambda status: status["in_flight"][name] == 0)
    assert status["counts"].get(name, {"requests": 0})["requests"] == 0


def test_websockets_are_refused_with_a_message(serving: Gateway) -> None:
    answer = serving.exchange(
        b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert b"WebSockets" in answer


def test_an_upgrade_to_http_2_is_not_taken_up_and_ends_the_connection(serving: Gateway) -> None:
    answer = serving.exchange(
        b"GET /plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABk\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()
    assert b"http2-settings" not in answer


def test_connect_is_refused(serving: Gateway) -> None:
    answer = serving.exchange(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 501"}


def test_an_unknown_expectation_is_refused(serving: Gateway) -> None:
    answer = serving.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 417 ")
