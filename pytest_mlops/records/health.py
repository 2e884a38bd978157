"""Health checks and their results."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pytest_mlops.records.base import Flag, Label, Positive, Record, Seconds, Text, Timestamp

__all__ = [
    "CheckOutcome",
    "HealthCheck",
    "HealthCheckType",
    "HealthState",
    "HealthStatus",
]

Times = Annotated[int, Field(strict=True, ge=1, le=1000)]


class HealthCheckType(StrEnum):
    """How a health check probes."""

    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"
    CUSTOM = "custom"
    PREDICTION = "prediction"


class HealthState(StrEnum):
    """State of a service's health; only ``healthy`` counts as healthy."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"
    UNKNOWN = "unknown"


class HealthCheck(Record):
    """One probe of a service, or of something else that the environment needs."""

    name: Label
    """Name of the check, unique within its environment."""
    check_type: HealthCheckType
    """``http`` (2xx and 3xx are healthy), ``tcp`` (a connection), ``command`` (exit code 0), ``custom`` (a
    function of yours) or ``prediction`` (a known request gets the known answer)."""
    endpoint: Text | None = None
    """``http`` and ``prediction``: URL; ``tcp``: ``host:port``; ``custom``: ``module:function``. ``{host}``,
    ``{port}`` and ``{url}`` stand for the replica's address."""
    command: tuple[Text, ...] = ()
    """``command``: the program and its arguments; no shell reads them. ``{host}``, ``{port}`` and ``{url}``
    as in ``endpoint``."""
    target: Literal["service", "environment"] = "service"
    """``service``: every replica of a version; ``environment``: something that must be healthy before a
    deployment, such as a database."""
    body: Text | None = None
    """``prediction``: body of the request, JSON."""
    expect: Text | None = None
    """``prediction``: expected body of the answer, JSON; numbers may differ by ``tolerance``."""
    tolerance: Seconds = 1e-6
    """``prediction``: maximum difference of a number from the expected one: absolute up to 1, relative
    above."""
    interval: Positive = 10.0
    """Seconds between probes."""
    timeout: Positive = 1.0
    """Seconds after which a probe fails."""
    failure_threshold: Times = 3
    """Consecutive failures that make it unhealthy."""
    success_threshold: Times = 1
    """Consecutive successes that make it healthy."""
    start_period: Seconds = 0.0
    """Seconds after the start during which failures do not count, unless a probe has succeeded."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        kind = self.check_type
        if kind is HealthCheckType.COMMAND:
            if not self.command or self.endpoint is not None:
                raise ValueError(f"{self.name} is a command check: it needs command, a list, and no endpoint")
        elif self.endpoint is None or self.command:
            raise ValueError(f"{self.name} is a {kind} check: it needs endpoint, and no command")
        answered = self.body is not None and self.expect is not None
        if kind is HealthCheckType.PREDICTION and not answered:
            raise ValueError(f"{self.name} is a prediction check: it needs body and expect")
        return self


class CheckOutcome(Record):
    """Result of one check on one endpoint."""

    name: Text
    state: HealthState
    message: str
    successes: Annotated[int, Field(strict=True, ge=0)] = 0
    """Probes that succeeded, of ``probes``."""
    probes: Annotated[int, Field(strict=True, ge=0)] = 0
    """Probes from the first success on, since before it a service is starting; without any success, all."""


class HealthStatus(Record):
    """Result of all health checks together."""

    is_healthy: Flag
    message: str
    state: HealthState
    checks: tuple[CheckOutcome, ...] = ()
    timestamp: Timestamp | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.is_healthy is not (self.state is HealthState.HEALTHY):
            raise ValueError(f"is_healthy is {self.is_healthy}, but the state is {self.state}")
        return self
