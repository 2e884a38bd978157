"""The client: patient within bounds, and every failure a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_mlops import http
from pytest_mlops.errors import HttpError, IoError
from pytest_mlops.github import client as module
from pytest_mlops.github.client import Client, open_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.github.conftest import FakeGitHub

ISSUE = "/repos/acme/models/issues/7/comments"


class Truncated(httpx.SyncByteStream):
    """A body that ends before its end."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'[{"id":'
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def client_of(answer: Callable[[httpx.Request], httpx.Response], slept: list[float] | None = None) -> Client:
    waits: list[float] = [] if slept is None else slept
    return open_client(
        api_url="https://ghe.example/api/v3",
        token="ghs_x",
        transport=httpx.MockTransport(answer),
        sleep=waits.append,
        clock=lambda: 1000.0,
    )


def truncated(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Truncated())


def too_slow(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


def test_requests_go_below_the_address_and_say_who_asks() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    with client_of(answer) as client:
        assert client.get("/user", page=2) == {}
    (request,) = asked
    assert str(request.url) == "https://ghe.example/api/v3/user?page=2"
    assert request.headers["authorization"] == "Bearer ghs_x"
    assert request.headers["accept"] == "application/vnd.github+json"
    assert request.headers["x-github-api-version"] == "2022-11-28"
    assert client.http.client.is_closed


def test_the_token_is_no_part_of_what_is_shown() -> None:
    client = open_client(api_url="https://x.example", token="ghs_secret")
    assert "ghs_secret" not in repr(client)


def test_250_items_are_read_page_by_page(fake: FakeGitHub) -> None:
    for number in range(250):
        fake.comment("someone", f"comment {number}")
    bodies = [one["body"] for one in fake.client().pages(ISSUE)]
    assert bodies == [f"comment {number}" for number in range(250)]
    assert fake.log == [f"GET {ISSUE}"] * 3


def test_endless_pages_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAGES", 3)
    link = {"link": '<https://ghe.example/api/v3/x?page=2>; rel="next"'}
    client = client_of(lambda _: httpx.Response(200, json=[1], headers=link))
    with pytest.raises(HttpError, match="more than 3 pages"):
        list(client.pages("/x"))


def test_a_page_on_another_server_is_not_followed() -> None:
    link = {"link": '<https://evil.example/x>; rel="next"'}
    client = client_of(lambda _: httpx.Response(200, json=[1], headers=link))
    with pytest.raises(HttpError, match="redirects to another server"):
        list(client.pages("/x"))


@pytest.mark.parametrize("body", [{"a": 1}, "x", {"items": 1}])
def test_an_answer_that_is_no_list_is_refused(body: object) -> None:
    client = client_of(lambda _: httpx.Response(200, json=body))
    with pytest.raises(HttpError, match="GET /x is not a list"):
        list(client.pages("/x", "items"))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_later(fake: FakeGitHub, status: int) -> None:
    fake.fail(f"GET {ISSUE}", status, times=2)
    assert list(fake.client().pages(ISSUE)) == []
    assert fake.slept == [1.0, 2.0]


@pytest.mark.parametrize("fault", [truncated, too_slow])
def test_an_answer_that_does_not_come_to_its_end_is_asked_for_again(
    fake: FakeGitHub, fault: Callable[[httpx.Request], httpx.Response]
) -> None:
    fake.faults.append((f"GET {ISSUE}", fault))
    assert list(fake.client().pages(ISSUE)) == []
    assert fake.slept == [1.0]


def test_github_says_how_long_to_wait(fake: FakeGitHub) -> None:
    fake.fail(f"GET {ISSUE}", 429, retry_after="7")
    fake.fail(f"GET {ISSUE}", 403, x_ratelimit_remaining="0", x_ratelimit_reset="1030")
    fake.fail(f"GET {ISSUE}", 403, retry_after="nonsense")
    assert list(fake.client().pages(ISSUE)) == []
    assert fake.slept == [7.0, 30.0, 4.0]


def test_a_wait_too_long_is_not_waited(fake: FakeGitHub) -> None:
    fake.fail(f"GET {ISSUE}", 429, retry_after="3600")
    with pytest.raises(HttpError, match=r"429 .*it asks to wait 3600 seconds"):
        list(fake.client().pages(ISSUE))
    assert fake.slept == []


def test_patience_has_an_end(fake: FakeGitHub) -> None:
    fake.fail(f"GET {ISSUE}", 502, times=9)
    with pytest.raises(HttpError, match=r"refused GET .*comments with 502 \(refused 502\)") as caught:
        list(fake.client().pages(ISSUE))
    assert (caught.value.status, caught.value.unclear) == (502, False)
    assert fake.slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("status", [502, 504])
def test_what_may_have_been_created_is_not_created_again(fake: FakeGitHub, status: int) -> None:
    fake.fail(f"POST {ISSUE}", status)
    with pytest.raises(HttpError) as caught:
        fake.client().post(ISSUE, {"body": "x"})
    assert caught.value.unclear
    assert fake.log == [f"POST {ISSUE}"]


@pytest.mark.parametrize("fault", [truncated, too_slow])
def test_a_creation_without_an_answer_is_unclear(
    fake: FakeGitHub, fault: Callable[[httpx.Request], httpx.Response]
) -> None:
    fake.faults.append((f"POST {ISSUE}", fault))
    with pytest.raises(HttpError, match=r"did not answer POST .* to the end") as caught:
        fake.client().post(ISSUE, {"body": "x"})
    assert caught.value.unclear
    assert fake.slept == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_creation_that_was_turned_away_is_tried_again(fake: FakeGitHub, status: int) -> None:
    fake.fail(f"POST {ISSUE}", status)
    assert fake.client().post(ISSUE, {"body": "x"})["body"] == "x"
    assert len(fake.comments) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "the token is wrong"),
        (403, "as in pull requests from forks"),
        (404, "it is not there, or the token may not see it"),
        (410, "it is gone"),
        (422, "rejects the request as invalid"),
        (500, r"with 500 \(refused 500\)$"),
    ],
)
def test_a_refusal_says_what_it_means(fake: FakeGitHub, status: int, message: str) -> None:
    fake.fail(f"GET {ISSUE}", status)
    with pytest.raises(HttpError, match=message) as caught:
        fake.client().get(ISSUE)
    assert caught.value.status == status
    assert fake.slept == []


@pytest.mark.parametrize("content", [b"<html>", b"", b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_not_json_is_refused(content: bytes) -> None:
    client = client_of(lambda _: httpx.Response(200, content=content))
    with pytest.raises(HttpError, match="GET /api/v3/x is not JSON"):
        client.get("/x")


@pytest.mark.parametrize("content", [b"<html>gateway</html>", b"[]", b'{"message": 1}', b"[" * 100_000])
def test_a_refusal_need_not_be_json(content: bytes) -> None:
    client = client_of(lambda _: httpx.Response(404, content=content))
    with pytest.raises(HttpError, match=r"^GitHub refused GET /api/v3/x with 404: it is not there"):
        client.get("/x")


def test_a_refusal_cannot_write_into_the_log() -> None:
    hostile = {"message": "no\n::error::pwned \x1b[31m" + "x" * 10_000}
    client = client_of(lambda _: httpx.Response(404, json=hostile))
    with pytest.raises(HttpError) as caught:
        client.get("/x")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_an_answer_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 10)
    client = client_of(lambda _: httpx.Response(200, json=["x" * 20]))
    with pytest.raises(HttpError, match="more than 10 bytes"):
        client.get("/x")


def blob(location: str | None, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "ghe.example":
            return httpx.Response(302, headers={} if location is None else {"location": location})
        assert "authorization" not in request.headers
        return httpx.Response(status, content=b"12345")

    return answer


def test_a_download_does_not_show_the_token_to_where_it_leads(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b.zip"
    client_of(blob("https://blobs.example/1")).download("/x", target, most=5)
    assert target.read_bytes() == b"12345"


@pytest.mark.parametrize(
    ("location", "status", "message"),
    [
        ("https://blobs.example/1", 200, "more than 4 bytes"),
        ("http://blobs.example/1", 200, "is not https"),
        ("file:///etc/passwd", 200, "is not https"),
        ("https://blobs.example/1", 403, "refused GET /api/v3/x with 403"),
        (None, 200, "refused GET /api/v3/x with 302"),
    ],
)
def test_a_download_that_cannot_be_had(
    tmp_path: Path, location: str | None, status: int, message: str
) -> None:
    with pytest.raises(HttpError, match=message):
        client_of(blob(location, status)).download("/x", tmp_path / "b.zip", most=4)


def test_a_download_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IoError, match="cannot write"):
        client_of(blob("https://blobs.example/1")).download("/x", tmp_path / "file" / "b.zip", most=9)
