"""The client of JSON services: what is tried again, how long it waits, and what its errors say."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_mlops.errors import HttpError
from pytest_mlops.http import LONGEST_WAIT, NOT_JSON, JsonClient

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1000.0


class CutOff(httpx.SyncByteStream):
    """A body that ends early."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"ab"
        raise httpx.ReadError("gone")


def client_of(*answers: httpx.Response | Exception, waits: list[float] | None = None) -> JsonClient:
    """Return a client whose service gives these answers in turn."""
    waiting = list(answers)
    noted: list[float] = [] if waits is None else waits

    def handle(_: httpx.Request) -> httpx.Response:
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return JsonClient(
        service="the service",
        client=httpx.Client(base_url="https://host.example", transport=httpx.MockTransport(handle)),
        secrets=("s3cret",),
        sleep=noted.append,
        clock=lambda: NOW,
    )


def request(client: JsonClient, method: str = "GET") -> httpx.Request:
    return client.client.build_request(method, "/x", params={"key": "hidden"})


@pytest.mark.parametrize(
    ("headers", "status", "wait"),
    [
        ({}, 503, 1.0),
        ({"retry-after": "7.5"}, 429, 7.5),
        ({"retry-after": "-1"}, 429, 1.0),
        ({"retry-after": "inf"}, 429, 1.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"}, 403, 30.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "900"}, 403, 1.0),
    ],
)
def test_the_next_attempt_comes_when_the_service_asks_for_it(
    headers: dict[str, str], status: int, wait: float
) -> None:
    waits: list[float] = []
    client = client_of(httpx.Response(status, headers=headers), httpx.Response(200, json=1), waits=waits)
    assert client.send(request(client)).json() == 1
    assert waits == [wait]


def test_a_wait_beyond_the_limit_ends_the_attempts() -> None:
    client = client_of(httpx.Response(429, headers={"retry-after": str(LONGEST_WAIT + 1)}))
    answer = client.send(request(client))
    assert (answer.status, answer.asked_wait, answer.is_success) == (429, LONGEST_WAIT + 1, False)


@pytest.mark.parametrize(
    ("fault", "unclear", "attempts"),
    [
        (httpx.ConnectError("refused"), False, 2),
        (httpx.ConnectTimeout("slow"), False, 2),
        (httpx.ReadTimeout("slow"), True, 1),
    ],
)
def test_what_must_not_happen_twice_is_repeated_only_if_nothing_was_sent(
    fault: Exception, unclear: bool, attempts: int
) -> None:
    waits: list[float] = []
    client = client_of(fault, fault, fault, fault, waits=waits)
    with pytest.raises(HttpError, match=r"^the service did not answer POST /x to the end: ") as caught:
        client.send(request(client, "POST"), repeatable=False, attempts=attempts)
    assert caught.value.unclear is unclear
    assert len(waits) == attempts - 1


def test_a_file_that_broke_off_is_written_again_from_its_start() -> None:
    client = client_of(httpx.Response(200, stream=CutOff()), httpx.Response(200, content=b"ABC"))
    stream = io.BytesIO(b"head")
    stream.seek(4)
    answer = client.send(request(client), into=stream, most=3)
    assert (stream.getvalue(), answer.body) == (b"headABC", b"")


def test_a_body_beyond_its_limit_is_refused() -> None:
    client = client_of(httpx.Response(200, content=b"ABC"))
    with pytest.raises(HttpError, match=r"the service to GET /x has more than 2 bytes"):
        client.send(request(client), into=io.BytesIO(), most=2)


def test_no_message_has_a_secret_or_a_query() -> None:
    client = client_of(*[httpx.ConnectError("who is\ns3cret?")] * 4)
    with pytest.raises(HttpError, match=r"who is \*\*\*\?") as caught:
        client.send(request(client))
    assert "hidden" not in str(caught.value)
    assert "s3cret" not in repr(client)


@pytest.mark.parametrize("content", [b"<html>", b"NaN", b'{"a": 1, "a": 2}', b"\xff"])
def test_a_body_that_is_not_strict_json_has_no_value(content: bytes) -> None:
    client = client_of(httpx.Response(200, content=content))
    assert client.send(request(client)).json() is NOT_JSON


@pytest.mark.parametrize(("status", "unclear"), [(502, True), (503, True), (429, False), (404, False)])
def test_a_refusal_between_both_ends_leaves_open_what_was_done(status: int, unclear: bool) -> None:
    client = client_of(httpx.Response(status))
    answer = client.send(request(client), attempts=1)
    assert client.is_unclear(answer, repeatable=False) is unclear
    assert not client.is_unclear(answer, repeatable=True)
