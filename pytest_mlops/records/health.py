"""Health checks and their results."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pytest_mlops.records.base import Flag, Label, NonNegative, Positive, Record, Seconds, Text, Timestamp

__all__ = [
    "CheckOutcome",
    "HealthCheck",
    "HealthCheckType",
    "HealthState",
    "HealthStatus",
]

Times = Annotated[int, Field(strict=True, ge=1, le=1000)]


class HealthCheckType(StrEnum):
    """Kind of probe."""

    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"
    CUSTOM = "custom"
    PREDICTION = "prediction"


class HealthState(StrEnum):
    """Health of a service; every state but ``healthy`` counts as not healthy."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"
    UNKNOWN = "unknown"


class HealthCheck(Record):
    """Configuration of one health check, of a service or of an environment."""

    name: Label
    """Name of the check, unique within its environment."""
    check_type: HealthCheckType
    """``http`` (healthy on 2xx and 3xx), ``tcp`` (a connection), ``command`` (exit code 0), ``custom`` (a
    Python function) or ``prediction`` (a known input gets the expected response)."""
    endpoint: Text | None = None
    """``http`` and ``prediction``: URL; ``tcp``: ``host:port``; ``custom``: ``module:function``. ``{host}``,
    ``{port}`` and ``{url}`` are replaced by those of the replica."""
    command: tuple[Text, ...] = ()
    """``command``: the program and its arguments, run without a shell; ``{host}``, ``{port}`` and ``{url}``
    are replaced as in ``endpoint``."""
    target: Literal["service", "environment"] = "service"
    """``service``: checks every replica of a version; ``environment``: checks a dependency, such as a
    database, before each deployment."""
    body: Text | None = None
    """``prediction``: body of the request, JSON."""
    expect: Text | None = None
    """``prediction``: expected body of the response, JSON; numbers may differ by ``tolerance``."""
    tolerance: NonNegative = 1e-6
    """``prediction``: maximum difference of a number from the expected one, relative if the expected number
    is above 1."""
    interval: Positive = 10.0
    """Seconds between probes."""
    timeout: Positive = 1.0
    """Seconds after which a probe fails."""
    failure_threshold: Times = 3
    """Consecutive failures until the check is unhealthy."""
    success_threshold: Times = 1
    """Consecutive successes until the check is healthy."""
    start_period: Seconds = 0.0
    """Seconds after the start during which failures do not count, unless a probe has succeeded."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        kind = self.check_type
        if kind is HealthCheckType.COMMAND:
            if not self.command or self.endpoint is not None:
                raise ValueError(f"{self.name} is a command check; expected a command list and no endpoint")
        elif self.endpoint is None or self.command:
            raise ValueError(f"{self.name} is a {kind} check; expected an endpoint and no command")
        has_bodies = self.body is not None and self.expect is not None
        if kind is HealthCheckType.PREDICTION and not has_bodies:
            raise ValueError(f"{self.name} is a prediction check; expected body and expect")
        return self


class CheckOutcome(Record):
    """Result of one health check on one endpoint."""

    name: Text
    state: HealthState
    message: str
    successes: Annotated[int, Field(strict=True, ge=0)] = 0
    """Number of successful probes among ``probes``."""
    probes: Annotated[int, Field(strict=True, ge=0)] = 0
    """Number of probes since the first success; all probes if none succeeded."""


class HealthStatus(Record):
    """Combined result of all health checks."""

    is_healthy: Flag
    message: str
    state: HealthState
    checks: tuple[CheckOutcome, ...] = ()
    timestamp: Timestamp | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.is_healthy is not (self.state is HealthState.HEALTHY):
            raise ValueError(
                f"is_healthy is {self.is_healthy}, but the state is {self.state}; expected them to agree"
            )
        return self
