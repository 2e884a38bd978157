"""Copies of requests go to shadow deployments, beside what clients get."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")

from pytest_mlops.serving.gateway.shadow import same_answer
from tests.serving.gateway.conftest import route, shadow
from tests.serving.gateway.test_proxy import body_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.gateway.conftest import App, Backends, Gateway


def saying(body: bytes, *, status: int = 200, seen: list[tuple[dict[str, Any], bytes]] | None = None) -> App:
    """Return an application that answers always the same."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        got = await body_of(receive)
        if seen is not None:
            seen.append((scope, got))
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def copies(count: int, name: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether so many copies are over and compared."""

    def over(status: dict[str, Any]) -> bool:
        counts = status["counts"].get(name, {"shadow_requests": 0})
        return bool(counts["shadow_requests"] == count and status["in_flight"][name] == 0)

    return over


def test_a_copy_is_the_request_and_is_marked(gateway: Gateway, backends: Backends, name: str) -> None:
    seen: list[tuple[dict[str, Any], bytes]] = []
    live, dark = backends.serve(saying(b'{"a": 1}')), backends.serve(saying(b'{"a":1.0}', seen=seen))
    gateway.put(route(name, live), shadows=(shadow(f"{name}-dark", dark),))
    answer = gateway.client.post(
        "/predict?q=1", content=b"[1, 2]", headers={"X-Request-Id": "r1", "X-A": "b"}
    )
    assert answer.content == b'{"a": 1}'
    assert answer.headers["x-mlops-deployment"] == name
    status = gateway.wait(copies(1, f"{name}-dark"))
    ((scope, body),) = seen
    headers = dict(scope["headers"])
    assert (scope["method"], scope["raw_path"], scope["query_string"]) == ("POST", b"/predict", b"q=1")
    assert (body, headers[b"x-mlops-shadow"], headers[b"x-a"]) == (b"[1, 2]", b"true", b"b")
    assert headers[b"x-request-id"] == b"r1"
    counts = status["counts"][f"{name}-dark"]
    assert (counts["requests"], counts["shadow_errors"], counts["shadow_differences"]) == (0, 0, 0)
    assert sum(count for _, count in counts["shadow_latency"]) == 1


def test_a_streamed_request_is_copied_too(gateway: Gateway, backends: Backends, name: str) -> None:
    seen: list[tuple[dict[str, Any], bytes]] = []
    gateway.put(
        route(name, backends.serve(saying(b"1"))),
        shadows=(shadow(f"{name}-dark", backends.serve(saying(b"1", seen=seen))),),
    )
    assert gateway.client.post("/", content=iter([b"ab", b"cd"])).status_code == 200
    gateway.wait(copies(1, f"{name}-dark"))
    assert seen[0][1] == b"abcd"


@pytest.mark.parametrize(
    ("body", "status", "errors", "differences"),
    [(b'{"a": 2}', 200, 0, 1), (b'{"a": 1}', 201, 0, 1), (b'{"a": 1}', 503, 1, 1), (b"no JSON", 200, 0, 1)],
)
def test_other_answers_are_counted(
    gateway: Gateway, backends: Backends, name: str, body: bytes, status: int, errors: int, differences: int
) -> None:
    live, dark = backends.serve(saying(b'{"a": 1}')), backends.serve(saying(body, status=status))
    gateway.put(route(name, live), shadows=(shadow(f"{name}-dark", dark),))
    assert gateway.client.post("/", content=b"x").content == b'{"a": 1}'
    gateway.wait(copies(1, f"{name}-dark"))
    facts = gateway.wait(lambda now: now["counts"][f"{name}-dark"]["shadow_differences"] == differences)
    assert facts["counts"][f"{name}-dark"]["shadow_errors"] == errors
    assert facts["counts"][name]["errors"] == 0


def test_a_share_of_the_requests_is_copied(gateway: Gateway, backends: Backends, name: str) -> None:
    live = backends.serve(saying(b"1"))
    gateway.put(route(name, live), shadows=(shadow(f"{name}-dark", live, share=0.25),))
    for n in range(400):
        gateway.client.get("/", headers={"X-Request-Id": f"share-{n}"})
    counts = gateway.wait(lambda status: status["in_flight"][f"{name}-dark"] == 0)["counts"][f"{name}-dark"]
    assert 65 <= counts["shadow_requests"] <= 135  # four sigma


def test_copies_neither_delay_nor_fail_what_clients_get_and_are_dropped_when_too_many(
    own: Callable[..., Gateway], backends: Backends
) -> None:
    gateway = own().start()
    go_on = threading.Event()

    async def hang(_scope: dict[str, Any], _receive: Any, _send: Any) -> None:
        while not go_on.is_set():
            await asyncio.sleep(0.01)

    gateway.put(route("live", backends.serve(saying(b"1"))), shadows=(shadow("dark", backends.serve(hang)),))
    for _ in range(100):
        assert gateway.client.get("/").content == b"1"
    assert gateway.wait(lambda status: status["in_flight"]["dark"] == 64)
    assert "mlops_gateway_shadow_dropped_total 36.0" in gateway.client.get("/metrics").text
    go_on.set()
    counts = gateway.wait(copies(64, "dark"))["counts"]
    assert counts["dark"]["shadow_errors"] == 64
    assert counts["live"]["errors"] == 0


def test_a_dead_shadow_is_an_error_of_its_own(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, backends.serve(saying(b"1"))), shadows=(shadow(f"{name}-dark", 9),))
    assert gateway.client.get("/").content == b"1"
    counts = gateway.wait(copies(1, f"{name}-dark"))["counts"]
    assert counts[f"{name}-dark"]["shadow_errors"] == 1
    assert counts[name]["errors"] == 0


def test_what_is_too_long_to_be_compared_was_not_shown_to_be_the_same(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    long = backends.serve(saying(b"1" * 1_100_000))
    gateway.put(route(name, long), shadows=(shadow(f"{name}-dark", long),))
    gateway.client.get("/")
    gateway.wait(copies(1, f"{name}-dark"))
    gateway.wait(lambda status: status["counts"][f"{name}-dark"]["shadow_differences"] == 1)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (b"abc", b"abc", True),
        (b"abc", b"abd", False),
        (b'{"a": 1, "b": [1.0]}', b'{"b":[1],"a":1}', True),
        (b"[1]", b"[true]", False),
        (b"[0]", b"[false]", False),
        (b"[true]", b"[true ]", True),
        (b"[null]", b"[0]", False),
        (b"[1, 2]", b"[1]", False),
        (b'{"a": 1}', b'{"b": 1}', False),
        (b'"1"', b"1", False),
        (b"[NaN]", b"[ NaN]", False),
        (b"[" * 100_000, b"[ " * 100_000, False),
        (b"\xff", b"\xfe", False),
    ],
)
def test_answers_are_the_same_where_their_json_is(first: bytes, second: bytes, *, same: bool) -> None:
    assert same_answer(first, second) is same


def test_an_answer_is_json_whatever_its_spaces() -> None:
    value = {"predictions": [0.25, None, "ä"]}
    assert same_answer(json.dumps(value).encode(), json.dumps(value, indent=2, ensure_ascii=False).encode())
