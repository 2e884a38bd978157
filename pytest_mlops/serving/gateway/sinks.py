"""Where a request goes down when it is over: the counts, and the log of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.serving.gateway.prediction_log import LogRow
from pytest_mlops.serving.gateway.sampling import drawn

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.counts import TrafficCounts
    from pytest_mlops.serving.gateway.exchange import Exchange
    from pytest_mlops.serving.gateway.prediction_log import PredictionLog

__all__ = ["Sinks"]


class Sinks:
    """Takes exchanges that are over.

    Attributes:
        counts: What the traffic has come to.
        log: The log of predictions, where there is one.
    """

    def __init__(self, *, counts: TrafficCounts, log: PredictionLog | None) -> None:
        self.counts = counts
        self.log = log

    def log_as_json(self) -> dict[str, int]:
        """Return what became of the rows of the log; zeros where there is no log."""
        if self.log is None:
            return dict.fromkeys(("written", "dropped", "buffered", "files", "failures"), 0)
        return self.log.as_json()

    def take(self, exchange: Exchange) -> None:
        """Count an exchange, and log it where it is drawn."""
        milliseconds = exchange.milliseconds()
        arm = exchange.arm
        counts = self.counts.of(arm.deployment, arm.version)
        tally = counts.copies if exchange.shadow else counts.clients
        tally.add(failed=exchange.failed, milliseconds=milliseconds)
        log = self.log
        if log is None or not drawn(exchange.request_id, log.settings.sample, salt="log"):
            return
        request, request_cut = exchange.request.beginning(log.settings.max_body)
        response, response_cut = exchange.response.beginning(log.settings.max_body)
        log.offer(
            LogRow(
                time=exchange.began // 1000,
                request_id=exchange.request_id,
                deployment_id=arm.deployment,
                version=arm.version,
                replica=exchange.upstream.address.id if exchange.upstream is not None else "",
                method=exchange.method,
                path=exchange.target,
                status=exchange.status,
                latency_ms=milliseconds,
                shadow=exchange.shadow,
                request=request,
                request_cut=request_cut,
                response=response,
                response_cut=response_cut,
                content_type=exchange.content_type,
            )
        )
