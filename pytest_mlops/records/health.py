"""Health checks and what they answer."""

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
    """What is known of a service's health; only ``healthy`` is healthy."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"
    UNKNOWN = "unknown"


class HealthCheck(Record):
    """One probe of a service, or of what an environment needs besides it."""

    name: Label
    """Name of the check, unique within its environment."""
    check_type: HealthCheckType
    """``http`` (2xx and 3xx are healthy), ``tcp`` (a connection), ``command`` (exit code 0), ``custom`` (a
    function of yours) or ``prediction`` (a known input has the known answer)."""
    endpoint: Text | None = None
    """``http`` and ``prediction``: URL; ``tcp``: ``host:port``; ``custom``: ``module:function``. ``{host}``,
    ``{port}`` and ``{url}`` stand for the replica's own."""
    command: tuple[Text, ...] = ()
    """``command``: the program and its arguments, which no shell reads; ``{host}``, ``{port}`` and ``{url}``
    as in ``endpoint``."""
    target: Literal["service", "environment"] = "service"
    """``service``: every replica of a version; ``environment``: what has to be well before anything is
    deployed, as a database."""
    body: Text | None = None
    """``prediction``: the request's body, JSON."""
    expect: Text | None = None
    """``prediction``: the answer's body, JSON; numbers may differ by ``tolerance``."""
    tolerance: Seconds = 1e-6
    """``prediction``: how far a number of the answer may be from the expected one, relative to it where that
    is above 1."""
    interval: Positive = 10.0
    """Seconds from one probe to the next."""
    timeout: Positive = 1.0
    """Seconds after which a probe has failed."""
    failure_threshold: Times = 3
    """Failures in a row that make it unhealthy."""
    success_threshold: Times = 1
    """Successes in a row that make it healthy."""
    start_period: Seconds = 0.0
    """Seconds after the start in which failures do not count; the first success ends it."""

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
    """What one check says of one endpoint."""

    name: Text
    state: HealthState
    message: str
    successes: Annotated[int, Field(strict=True, ge=0)] = 0
    """Probes that succeeded, of ``probes``."""
    probes: Annotated[int, Field(strict=True, ge=0)] = 0
    """Probes from the first success on, before which a service only starts; without any success, all."""


class HealthStatus(Record):
    """The answer of all health checks together."""

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
