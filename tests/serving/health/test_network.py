"""What HTTP, predictions, TCP and names do besides answering."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.serving.health.engine import probe_once
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.network import without_secrets
from pytest_mlops.serving.health.probe import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.engine import Probed
    from tests.serving.health.conftest import Farm

NOWHERE = Endpoint()


def probe(check: HealthCheck, endpoint: Endpoint = NOWHERE) -> Probed:
    async def once() -> Probed:
        return await probe_once(check, endpoint)

    return run_probes(once())


@pytest.mark.parametrize("status", [200, 204, 299, 301, 304, 399])
def test_status_of_200_to_399_is_healthy(
    farm: Farm, make_check: Callable[..., HealthCheck], status: int
) -> None:
    service = farm.http(status, body=b"")
    assert probe(make_check("http"), service.endpoint).ok
    assert service.requests == ["GET /health HTTP/1.1"]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 599])
def test_any_other_status_is_not(farm: Farm, make_check: Callable[..., HealthCheck], status: int) -> None:
    assert not probe(make_check("http"), farm.http(status).endpoint).ok


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"220 mail ready\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000,
        b"HTTP/1.1 200 \x1b[31m\r\n\x00\x1b[2J: 1\r\n\r\n",
    ],
    ids=["nothing", "no http", "switching", "endless head", "escapes"],
)
def test_what_is_no_http_response_is_not_healthy(
    farm: Farm, make_check: Callable[..., HealthCheck], data: bytes
) -> None:
    probed = probe(make_check("http", timeout=5.0), farm.raw(data).endpoint)
    assert not probed.ok
    assert probed.message.isprintable()
    assert len(probed.message) < 600


def test_head_that_drips_in_is_over_when_time_is(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    service = farm.drip(b"HTTP/1.1 100 Continue\r\n\r\n")
    probed = probe(make_check("http", timeout=0.4), service.endpoint)
    assert probed.message == "no response within 0.4 s"


def test_proxy_of_the_environment_does_not_count(
    farm: Farm, make_check: Callable[..., HealthCheck], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = farm.http(500)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
    assert probe(make_check("http"), farm.http(200).endpoint).ok
    assert proxy.requests == []


def test_password_of_a_url_is_sent_and_not_shown(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    service = farm.http(500, 200)
    check = make_check("http", endpoint=f"http://me:hidden@127.0.0.1:{service.port}/x?token=hidden2")
    for part in ("answered 500", "answered 200"):
        probed = probe(check)
        assert part in probed.message
        assert "hidden" not in probed.message
    assert b"authorization: basic" in service.raw[0].lower()
    assert service.requests[0] == "GET /x?token=hidden2 HTTP/1.1"
    assert without_secrets(httpx.URL("http://h:1/x")) == "http://h:1/x"


@pytest.mark.parametrize("kind", ["http", "prediction"])
@pytest.mark.parametrize("url", ["localhost:80", "ftp://h/", "http://", "http://[::1", "file:///etc/passwd"])
def test_what_is_no_url_is_a_mistake(make_check: Callable[..., HealthCheck], kind: str, url: str) -> None:
    with pytest.raises(InvalidHealthCheck, match="probe: "):
        probe(make_check(kind, endpoint=url))


@pytest.mark.parametrize("kind", ["http", "tcp", "prediction"])
def test_check_of_the_environment_cannot_ask_for_a_replica(
    make_check: Callable[..., HealthCheck], kind: str
) -> None:
    with pytest.raises(InvalidHealthCheck, match="of a replica, which"):
        probe(make_check(kind, target="environment"))


def test_prediction_posts_the_body_as_it_stands(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    service = farm.http(200, body=b'{"y": 0.5}')
    assert probe(make_check("prediction"), service.endpoint).ok
    head, _, body = service.raw[0].partition(b"\r\n\r\n")
    assert body == b'{"x": [1, 2]}'
    assert b"content-type: application/json" in head.lower()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b'{"y": 0.50001}', "the answer.y is 0.50001, expected 0.5"),
        (b'{"y": NaN}', "the answer is not valid JSON: NaN is not a number"),
        (b"", "the answer is not valid JSON"),
        (b"<html>", "the answer is not valid JSON"),
        (b'{"y": 0.5, "z": 1}', "the answer.z is there, and was not expected"),
        (b'{"y": ' + b"9" * 400 + b"}", "the answer.y is a very long number, expected 0.5"),
    ],
)
def test_other_answer_is_not_healthy(
    farm: Farm, make_check: Callable[..., HealthCheck], answer: bytes, message: str
) -> None:
    probed = probe(make_check("prediction"), farm.http(200, body=answer).endpoint)
    assert not probed.ok
    assert message in probed.message


def test_packed_answer_is_not_unpacked(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    bomb = gzip.compress(b" " * 200_000_000, 9)
    assert len(bomb) < 1024 * 1024
    service = farm.http(200, body=bomb, headers="Content-Encoding: gzip\r\n")
    probed = probe(make_check("prediction"), service.endpoint)
    assert "the answer is not valid JSON" in probed.message
    assert b"accept-encoding: identity" in service.raw[0].lower()


@pytest.mark.parametrize("field", ["body", "expect"])
def test_prediction_that_is_no_json_is_a_mistake(
    farm: Farm, make_check: Callable[..., HealthCheck], field: str
) -> None:
    with pytest.raises(InvalidHealthCheck, match=f"{field} is not valid JSON"):
        probe(make_check("prediction", **{field: "{"}), farm.http(200).endpoint)


@pytest.mark.parametrize("address", ["h", ":80", "h:0", "h:65536", "h:http", "h:-1"])
def test_what_is_no_address_is_a_mistake(make_check: Callable[..., HealthCheck], address: str) -> None:
    with pytest.raises(InvalidHealthCheck, match="expected host:port"):
        probe(make_check("tcp", endpoint=address))


def test_name_with_two_addresses_needs_one_that_takes_connections(
    farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    service = farm.http(200)
    assert probe(make_check("tcp", endpoint=f"localhost:{service.port}")).ok
    assert probe(make_check("http", endpoint=f"http://localhost:{service.port}/")).ok


def test_tcp_that_flaps_succeeds_and_fails_in_step(make_check: Callable[..., HealthCheck]) -> None:
    """A real port that is opened and closed by turns."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = bound.getsockname()
    seen = []
    for turn in range(6):
        with contextlib.ExitStack() as stack:
            if turn % 2:
                stack.enter_context(socket.create_server(address))
            seen.append(probe(make_check("tcp"), Endpoint(host=address[0], port=address[1])).ok)
    assert seen == [False, True] * 3


def test_connection_with_itself_is_no_service(
    farm: Farm, make_check: Callable[..., HealthCheck], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux may choose the port that is asked for as the asker's own; here it is made to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    connect = asyncio.open_connection

    async def from_there(host: str, port: int) -> Any:
        return await connect(host, port, local_addr=address)

    monkeypatch.setattr(asyncio, "open_connection", from_there)
    probed = probe(make_check("tcp"), Endpoint(host=address[0], port=address[1]))
    assert probed.message.endswith("refused the connection")


def test_service_on_ipv6(make_check: Callable[..., HealthCheck]) -> None:
    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    with listening:
        assert probe(make_check("tcp"), Endpoint(host="::1", port=listening.getsockname()[1])).ok
