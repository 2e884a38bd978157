"""The control side, and the pages of the public one."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")


from pytest_mlops.serving.gateway.accounting import LATENCY_BOUNDS
from tests.serving.gateway.conftest import route
from tests.serving.gateway.test_shadow import saying

if TYPE_CHECKING:
    from tests.serving.gateway.conftest import Backends, Gateway


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer \xe9"])
def test_the_control_api_demands_its_token(gateway: Gateway, given: str) -> None:
    for method, path in (("GET", "/status"), ("PUT", "/routes"), ("GET", "/other")):
        answer = httpx.request(
            method,
            gateway.control.base_url.join(path),
            headers=[(b"Authorization", given.encode("latin-1"))],
        )
        assert answer.status_code == 401
        assert gateway.control.headers["Authorization"].removeprefix("Bearer ") not in answer.text


def test_the_control_api_is_not_on_the_public_side(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, backends.serve(saying(b"mine"))))
    for path in ("/status", "/routes"):
        answer = gateway.client.get(path, headers=gateway.control.headers)
        assert answer.content == b"mine"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/routes", 405), ("PUT", "/status", 405), ("GET", "/nothing", 404)],
)
def test_unknown_requests_are_refused(gateway: Gateway, method: str, path: str, status: int) -> None:
    assert gateway.control.request(method, path).status_code == status


def test_routes_are_confirmed_by_their_numbers(gateway: Gateway) -> None:
    table = gateway.table()
    answer = gateway.control.put("/routes", json=table)
    assert answer.status_code == 200
    assert answer.json() == {"generation": table["generation"], "revision": table["revision"]}
    status = gateway.status()
    assert (status["generation"], status["revision"]) == (table["generation"], table["revision"])


def test_an_older_table_is_refused_with_the_numbers_in_force(gateway: Gateway) -> None:
    older, newer = gateway.table(), gateway.table()
    assert gateway.control.put("/routes", json=newer).status_code == 200
    answer = gateway.control.put("/routes", json=older)
    assert answer.status_code == 409
    assert answer.json()["generation"] == newer["generation"]
    assert answer.json()["revision"] == newer["revision"]
    assert gateway.control.put("/routes", json=newer).status_code == 200


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"generation": "7"}, "generation"),
        ({"routes": [route("a", 1) | {"weight": -1.0}]}, "routes[0].weight"),
        ({"routes": [route("a", 1) | {"weight": math.inf}]}, "not valid JSON"),
        ({"routes": [route("a", 1), route("a", 2)]}, "once"),
        ({"routes": [route("a", 70_000)]}, "routes[0].replicas[0].port"),
        ({"unknown": 1}, "table of routes: unknown"),
        ({"version": 3}, "got version 3, written by a newer pytest-mlops"),
    ],
)
def test_an_invalid_table_changes_nothing(gateway: Gateway, change: dict[str, Any], says: str) -> None:
    import json

    before = gateway.status()["generation"]
    answer = gateway.control.put("/routes", content=json.dumps(gateway.table() | change).encode())
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert gateway.status()["generation"] == before


def test_a_table_that_is_too_long_is_refused(gateway: Gateway) -> None:
    assert gateway.control.put("/routes", content=b" " * (9 * 1024 * 1024)).status_code == 413


def test_status_counts_requests_and_latencies(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, backends.serve(saying(b"1"))))
    before = gateway.status()
    for _ in range(5):
        gateway.client.get("/")
    status = gateway.status()
    counts = status["counts"][name]
    assert (counts["requests"], counts["errors"]) == (5, 0)
    assert [bound for bound, _ in counts["latency"]] == [*LATENCY_BOUNDS[:-1], None]
    assert sum(count for _, count in counts["latency"]) == 5
    assert status["in_flight"] == {name: 0}
    assert status["in_flight_replicas"] == {f"{name}.0": 0}
    assert (status["epoch"], status["started_at"]) == (before["epoch"], before["started_at"])


def test_ten_percent_of_the_requests_are_ten_percent(gateway: Gateway, backends: Backends, name: str) -> None:
    old, new = backends.serve(saying(b"old")), backends.serve(saying(b"new"))
    gateway.put(route(f"{name}-old", old, weight=90.0), route(f"{name}-new", new, weight=10.0))
    assert Counter(gateway.client.get("/").content for _ in range(200)) == {b"old": 180, b"new": 20}


def test_a_deployment_without_replicas_leaves_its_share_to_the_others(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    gateway.put(route(f"{name}-old", backends.serve(saying(b"old")), weight=1.0), route(f"{name}-new"))
    assert {gateway.client.get("/").content for _ in range(10)} == {b"old"}
