"""The control side, and the pages of the public one."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")

from prometheus_client.parser import text_string_to_metric_families

from pytest_mlops.serving.gateway.counts import LATENCY_BOUNDS, TrafficCounts
from tests.serving.gateway.conftest import route
from tests.serving.gateway.test_shadow import saying

if TYPE_CHECKING:
    from tests.serving.gateway.conftest import Backends, Gateway


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer \xe9"])
def test_nobody_gets_in_without_the_token(gateway: Gateway, given: str) -> None:
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
def test_what_it_does_not_know_it_refuses(gateway: Gateway, method: str, path: str, status: int) -> None:
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
        ({"routes": [route("a", 1) | {"weight": -1.0}]}, "routes.0.weight"),
        ({"routes": [route("a", 1) | {"weight": math.inf}]}, "no table of routes"),
        ({"routes": [route("a", 1), route("a", 2)]}, "once"),
        ({"routes": [route("a", 70_000)]}, "routes.0.replicas.0.port"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_table_that_is_none_changes_nothing(gateway: Gateway, change: dict[str, Any], says: str) -> None:
    import json

    before = gateway.status()["generation"]
    answer = gateway.control.put("/routes", content=json.dumps(gateway.table() | change).encode())
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert gateway.status()["generation"] == before


def test_a_table_that_is_too_long_is_refused(gateway: Gateway) -> None:
    assert gateway.control.put("/routes", content=b" " * (9 * 1024 * 1024)).status_code == 413


def test_healthz_says_whether_something_serves(gateway: Gateway, backends: Backends, name: str) -> None:
    assert gateway.client.get("/healthz").status_code == 503
    port = backends.serve(saying(b"1"))
    gateway.put(route(name, port, weight=0.0))
    assert gateway.client.get("/healthz").status_code == 503
    gateway.put(route(name, port, weight=1.0))
    assert gateway.client.get("/healthz").status_code == 200
    assert gateway.client.head("/healthz").content == b""
    assert gateway.client.post("/healthz").content == b"1"  # not the gateway's


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


def test_metrics_are_prometheus_and_agree_with_the_status(
    gateway: Gateway, backends: Backends, name: str
) -> None:
    gateway.put(route(name, backends.serve(saying(b"1"))))
    for _ in range(7):
        gateway.client.get("/")
    gateway.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    answer = gateway.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples: dict[tuple[Any, ...], float] = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    labels = (("deployment", name), ("shadow", "false"), ("version", f"model@{name}"))
    assert samples["mlops_gateway_requests_total", *labels] == 7
    assert samples["mlops_gateway_errors_total", *labels] == 0
    assert samples["mlops_gateway_latency_seconds_count", *labels] == 7
    assert 0 < samples["mlops_gateway_latency_seconds_sum", *labels] < 7
    buckets = [
        (float(dict(key[1:])["le"]), value) for key, value in samples.items()
        if key[0] == "mlops_gateway_latency_seconds_bucket" and ("deployment", name) in key
        and ("shadow", "false") in key
    ]  # fmt: skip
    values = [value for _, value in sorted(buckets)]
    assert values == sorted(values)
    assert values[-1] == 7
    assert samples["mlops_gateway_refused_total", ("reason", "host")] >= 1
    assert samples["mlops_gateway_in_flight", ("deployment", name)] == 0


def test_bounds_are_eight_a_decade_from_a_tenth_of_a_millisecond_to_100_s() -> None:
    assert (LATENCY_BOUNDS[0], LATENCY_BOUNDS[8], LATENCY_BOUNDS[-2]) == (0.1, 1.0, 100_000.0)
    assert LATENCY_BOUNDS[-1] == math.inf
    assert list(LATENCY_BOUNDS) == sorted(set(LATENCY_BOUNDS))
    assert len(LATENCY_BOUNDS) == 50


@pytest.mark.parametrize(
    ("milliseconds", "bound"), [(0.0, 0.1), (0.1, 0.1), (0.11, 0.133352), (2e5, math.inf)]
)
def test_a_latency_counts_below_the_bound_that_it_does_not_exceed(milliseconds: float, bound: float) -> None:
    counts = TrafficCounts()
    counts.of("dep", "v").clients.add(failed=False, milliseconds=milliseconds)
    tally = counts.deployments["dep"].clients
    assert tally.latency[LATENCY_BOUNDS.index(bound)] == 1


def test_only_the_deployments_idle_for_longest_are_forgotten() -> None:
    counts = TrafficCounts()
    for n in range(600):
        counts.of("kept", "v").clients.add(failed=False, milliseconds=1.0)
        counts.of(f"dep-{n}", "v")
    assert len(counts.deployments) == 512
    assert counts.deployments["kept"].clients.requests == 600
