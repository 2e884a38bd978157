"""Pages of the gateway itself: ``/healthz``, ``/metrics``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from pytest_mlops.serving.gateway.accounting import LATENCY_BOUNDS
from pytest_mlops.serving.gateway.asgi import respond, respond_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from pytest_mlops.serving.gateway.accounting import Accounting, RequestTally
    from pytest_mlops.serving.gateway.asgi import Scope, Send
    from pytest_mlops.serving.gateway.router import Router
    from pytest_mlops.serving.gateway_protocol import LogFate

__all__ = ["Pages"]

_PATHS = frozenset({b"/healthz", b"/metrics"})
_READING = frozenset({"GET", "HEAD"})
_LABELS = ("deployment", "version", "shadow")


class Pages:
    """Answers requests for these pages.

    Args:
        router: What is served.
        accounting: What was served.
    """

    def __init__(self, *, router: Router, accounting: Accounting) -> None:
        self._router = router
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(router, accounting))

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Answer a request that is for the gateway; return whether it was."""
        path = scope["raw_path"]
        if path not in _PATHS or scope["method"] not in _READING:
            return False
        if path == b"/metrics":
            content_type = exposition.CONTENT_TYPE_LATEST.encode()
            body = exposition.generate_latest(self._registry)
            await respond(send, 200, body, [(b"content-type", content_type)])
        elif self._router.serving:
            await respond_json(send, 200, {"status": "ok"})
        else:
            await respond_json(send, 503, {"status": "no replica is ready"})
        return True


class _Collector:
    def __init__(self, router: Router, accounting: Accounting) -> None:
        self._router = router
        self._accounting = accounting

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        yield from self._deployments()
        traffic = self._accounting.tally
        refused = CounterMetricFamily(
            "mlops_gateway_refused", "Requests that went to no deployment.", labels=("reason",)
        )
        for reason, count in traffic.refused.items():
            refused.add_metric((reason,), count)
        yield refused
        yield CounterMetricFamily(
            "mlops_gateway_shadow_dropped", "Copies that were not sent.", value=traffic.copies_dropped
        )
        under_way = GaugeMetricFamily(
            "mlops_gateway_in_flight", "Requests under way.", labels=("deployment",)
        )
        for deployment, count in self._router.in_flight()[0].items():
            under_way.add_metric((deployment,), count)
        yield under_way
        yield GaugeMetricFamily(
            "mlops_gateway_routes_generation",
            "The table of routes in force.",
            value=self._router.routes.generation if self._router.routes is not None else 0,
        )
        if self._accounting.log is not None:
            yield from _log_metrics(self._accounting.log.fate())

    def _deployments(self) -> Iterable[Metric]:
        requests = CounterMetricFamily("mlops_gateway_requests", "Requests that are over.", labels=_LABELS)
        errors = CounterMetricFamily(
            "mlops_gateway_errors", "Answers of 500 and above, and none that was whole.", labels=_LABELS
        )
        seconds = HistogramMetricFamily(
            "mlops_gateway_latency_seconds", "Time that requests without an error took.", labels=_LABELS
        )
        differences = CounterMetricFamily(
            "mlops_gateway_shadow_differences", "Copies answered otherwise.", labels=_LABELS[:2]
        )
        for deployment, traffic in self._accounting.tally.deployments.items():
            for tally, shadow in ((traffic.clients, "false"), (traffic.copies, "true")):
                labels = (deployment, traffic.version, shadow)
                requests.add_metric(labels, tally.requests)
                errors.add_metric(labels, tally.errors)
                seconds.add_metric(labels, _cumulative(tally), tally.seconds)
            differences.add_metric((deployment, traffic.version), traffic.differences)
        return requests, errors, seconds, differences


def _cumulative(tally: RequestTally) -> list[tuple[str, float]]:
    buckets, sum_so_far = [], 0
    for bound, count in zip(LATENCY_BOUNDS, tally.latency, strict=True):
        sum_so_far += count
        buckets.append(("+Inf" if math.isinf(bound) else str(bound / 1000), float(sum_so_far)))
    return buckets


def _log_metrics(log: LogFate) -> Iterable[Metric]:
    rows = CounterMetricFamily("mlops_gateway_log_rows", "Rows of the log by fate.", labels=("fate",))
    rows.add_metric(("written",), log.written)
    rows.add_metric(("dropped",), log.dropped)
    yield rows
    yield GaugeMetricFamily("mlops_gateway_log_buffered", "Rows not in a closed file.", value=log.buffered)
    yield CounterMetricFamily("mlops_gateway_log_failures", "Times that writing failed.", value=log.failures)
