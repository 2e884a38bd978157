"""Pages of the gateway on its public side: health, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.gateway.conftest import route
from tests.serving.gateway.test_shadow import saying

if TYPE_CHECKING:
    from tests.serving.gateway.conftest import Backends, Gateway


def test_healthz_is_ok_where_some_replica_serves(gateway: Gateway, backends: Backends, name: str) -> None:
    assert gateway.client.get("/healthz").status_code == 503
    port = backends.serve(saying(b"1"))
    gateway.put(route(name, port, weight=0.0))
    assert gateway.client.get("/healthz").status_code == 503
    gateway.put(route(name, port, weight=1.0))
    assert gateway.client.get("/healthz").status_code == 200
    assert gateway.client.head("/healthz").content == b""
    assert gateway.client.post("/healthz").content == b"1"  # not the gateway's


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
