"""What is kept of requests that are over: counts by deployment, rows of the prediction log."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_mlops.serving.gateway.prediction_log import LogRow
from pytest_mlops.serving.gateway.traffic_split import drawn

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.exchange import Exchange
    from pytest_mlops.serving.gateway.prediction_log import PredictionLog

__all__ = ["LATENCY_BOUNDS", "DeploymentCounts", "Sinks", "TrafficCounts"]

LATENCY_BOUNDS = (*(round(10 ** (step / 8), 6) for step in range(-8, 41)), math.inf)
"""Upper bounds of the histograms in milliseconds: eight a decade from 0.1 ms to 100 s, then infinity."""

_KEPT = 512


def _zeros() -> list[int]:
    return [0] * len(LATENCY_BOUNDS)


@dataclass(kw_only=True, slots=True)
class ArmTally:
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

    def histogram(self) -> list[list[float | int | None]]:
        """Return ``[[upper bound in milliseconds, count], …]``, the infinite bound as null."""
        pairs = zip(LATENCY_BOUNDS, self.latency, strict=True)
        return [[None if math.isinf(bound) else bound, count] for bound, count in pairs]


@dataclass(kw_only=True, slots=True)
class DeploymentCounts:
    """Traffic of one deployment.

    Attributes:
        version: What it serves.
        clients: Requests of clients.
        copies: Copies of shadow traffic.
        differences: Copies whose answer was not the one that the client got.
    """

    version: str
    clients: ArmTally = field(default_factory=ArmTally)
    copies: ArmTally = field(default_factory=ArmTally)
    differences: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the counts by the names of ``DeploymentTraffic``."""
        return {
            "requests": self.clients.requests,
            "errors": self.clients.errors,
            "latency": self.clients.histogram(),
            "shadow_requests": self.copies.requests,
            "shadow_errors": self.copies.errors,
            "shadow_latency": self.copies.histogram(),
            "shadow_differences": self.differences,
        }


class TrafficCounts:
    """Counts of every deployment, and of what none of them got."""

    def __init__(self) -> None:
        self.deployments: dict[str, DeploymentCounts] = {}
        self.refused: dict[str, int] = {}
        self.copies_dropped = 0

    def of(self, deployment: str, version: str) -> DeploymentCounts:
        """Return a deployment's counts, which begin at 0.

        Those of the deployments that had no traffic for longest are given up where there are very many.
        """
        found = self.deployments.pop(deployment, None)
        if found is None:
            found = DeploymentCounts(version=version)
            while len(self.deployments) >= _KEPT:
                del self.deployments[next(iter(self.deployments))]
        self.deployments[deployment] = found
        return found

    def refuse(self, reason: str) -> None:
        """Count a request that went to no deployment."""
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def as_json(self) -> dict[str, Any]:
        """Return deployment -> counts."""
        return {name: counts.as_json() for name, counts in self.deployments.items()}


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
