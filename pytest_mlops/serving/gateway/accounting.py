"""What is kept of requests that are over: counts by deployment, rows of the prediction log."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mlops.serving.gateway.prediction_log import LogRow
from pytest_mlops.serving.gateway.traffic_split import drawn
from pytest_mlops.serving.gateway_protocol import DeploymentCounts

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.exchange import Exchange
    from pytest_mlops.serving.gateway.prediction_log import PredictionLog

__all__ = ["LATENCY_BOUNDS", "Accounting", "DeploymentTally", "TrafficTally"]

LATENCY_BOUNDS = (*(round(10 ** (step / 8), 6) for step in range(-8, 41)), math.inf)
"""Upper bounds of the histograms in milliseconds: eight a decade from 0.1 ms to 100 s, then infinity."""

_KEPT = 512


def _zeros() -> list[int]:
    return [0] * len(LATENCY_BOUNDS)


@dataclass(kw_only=True, slots=True)
class RequestTally:
    """Requests of one kind.

    Attributes:
        requests: Answered or failed.
        errors: Answers of 500 and above, and requests without a whole answer.
        latency: Counts by ``LATENCY_BOUNDS``, of the requests that are no errors.
    """

    requests: int = 0
    errors: int = 0
    latency: list[int] = field(default_factory=_zeros)
    seconds: float = 0.0

    def add(self, *, failed: bool, milliseconds: float) -> None:
        """Count one request."""
        self.requests += 1
        if failed:
            self.errors += 1
        else:
            self.latency[bisect_left(LATENCY_BOUNDS, milliseconds)] += 1
            self.seconds += milliseconds / 1000

    def histogram(self) -> tuple[tuple[float | None, int], ...]:
        """Return the upper bounds in milliseconds, each with its count; the infinite one as ``None``."""
        pairs = zip(LATENCY_BOUNDS, self.latency, strict=True)
        return tuple((None if math.isinf(bound) else bound, count) for bound, count in pairs)


@dataclass(kw_only=True, slots=True)
class DeploymentTally:
    """Traffic of one deployment.

    Attributes:
        version: What it serves.
        clients: Requests of clients.
        copies: Copies of shadow traffic.
        differences: Copies whose answer was not the one that the client got.
    """

    version: str
    clients: RequestTally = field(default_factory=RequestTally)
    copies: RequestTally = field(default_factory=RequestTally)
    differences: int = 0

    def counts(self) -> DeploymentCounts:
        """Return what it has come to by now."""
        return DeploymentCounts(
            requests=self.clients.requests,
            errors=self.clients.errors,
            latency=self.clients.histogram(),
            shadow_requests=self.copies.requests,
            shadow_errors=self.copies.errors,
            shadow_latency=self.copies.histogram(),
            shadow_differences=self.differences,
        )


class TrafficTally:
    """Counts of every deployment, and of what none of them got."""

    def __init__(self) -> None:
        self.deployments: dict[str, DeploymentTally] = {}
        self.refused: dict[str, int] = {}
        self.copies_dropped = 0

    def of(self, deployment: str, version: str) -> DeploymentTally:
        """Return a deployment's tally, which begins at 0.

        Those of the deployments that had no traffic for longest are given up where there are very many.
        """
        found = self.deployments.pop(deployment, None)
        if found is None:
            found = DeploymentTally(version=version)
            while len(self.deployments) >= _KEPT:
                del self.deployments[next(iter(self.deployments))]
        self.deployments[deployment] = found
        return found

    def refuse(self, reason: str) -> None:
        """Count a request that went to no deployment."""
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def counts(self) -> dict[str, DeploymentCounts]:
        """Return deployment -> what its traffic has come to by now."""
        return {name: tally.counts() for name, tally in self.deployments.items()}


class Accounting:
    """Takes exchanges that are over.

    Attributes:
        tally: What the traffic has come to.
        log: The log of predictions, where there is one.
    """

    def __init__(self, *, log: PredictionLog | None) -> None:
        self.tally = TrafficTally()
        self.log = log

    def record(self, exchange: Exchange) -> None:
        """Count an exchange, and log it where it is drawn."""
        milliseconds = exchange.milliseconds()
        pool = exchange.pool
        tally = self.tally.of(pool.deployment, pool.version)
        requests = tally.copies if exchange.shadow else tally.clients
        requests.add(failed=exchange.failed, milliseconds=milliseconds)
        log = self.log
        if log is None or not drawn(exchange.request_id, log.settings.sample, salt="log"):
            return
        request, request_cut = exchange.request.beginning(log.settings.max_body)
        response, response_cut = exchange.response.beginning(log.settings.max_body)
        log.offer(
            LogRow(
                time=exchange.began // 1000,
                request_id=exchange.request_id,
                deployment_id=pool.deployment,
                version=pool.version,
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
