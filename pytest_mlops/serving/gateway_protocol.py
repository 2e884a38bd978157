"""Messages between supervisor, gateway, commands: tables of routes one way, status the other."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from pytest_mlops.records.base import Count, Label, Number, Record, Share, Text
from pytest_mlops.serving.versioned import Versioned, decode

__all__ = [
    "DeploymentCounts",
    "GatewayStatus",
    "LogFate",
    "ReplicaAddress",
    "Route",
    "Routes",
    "ShadowRoute",
    "read_routes",
    "read_status",
]


class ReplicaAddress(Record):
    """Where one replica listens."""

    id: Label
    """Deployment and index, as ``dep.0``."""
    host: Text
    """Address."""
    port: Annotated[int, Field(strict=True, ge=1, le=65535)]
    """Port."""


class Route(Record):
    """A deployment that answers clients."""

    deployment: Label
    """The deployment."""
    version: Text
    """The version that it serves, as ``model@version``."""
    weight: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    """Its part of the requests, relative to the other weights."""
    replicas: tuple[ReplicaAddress, ...] = ()
    """Its ready replicas."""


class ShadowRoute(Record):
    """A deployment that gets copies of requests, and whose answers no client sees."""

    deployment: Label
    """The deployment."""
    version: Text
    """The version that it serves, as ``model@version``."""
    share: Share
    """Share of the requests that are copied."""
    replicas: tuple[ReplicaAddress, ...] = ()
    """Its ready replicas."""


class Routes(Versioned):
    """One table of routes; it is replaced as a whole."""

    generation: Count
    """Rises with each table."""
    revision: Count
    """Of the pointer that the table follows."""
    environment: Text
    """The environment."""
    routes: tuple[Route, ...] = ()
    """Deployments that answer clients."""
    shadow: tuple[ShadowRoute, ...] = ()
    """Deployments that get copies."""

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        for kind in (self.routes, self.shadow):
            names = [route.deployment for route in kind]
            if len(names) != len(set(names)):
                raise ValueError(f"expected each deployment once in a list of routes; got {names}")
        return self


Histogram = tuple[tuple[Number | None, Count], ...]
"""Upper bounds in milliseconds, each with the requests that took at most that and more than the one before.

The last bound is infinite, and null.
"""


class DeploymentCounts(Record):
    """What one deployment's traffic has come to since the gateway started."""

    requests: Count
    """Requests of clients that were answered or failed."""
    errors: Count
    """Answers of 500 and above, and requests without a whole answer."""
    latency: Histogram
    """Of the requests that are no errors."""
    shadow_requests: Count
    """Copies that were answered or failed."""
    shadow_errors: Count
    """Copies that failed."""
    shadow_latency: Histogram
    """Of the copies that did not fail."""
    shadow_differences: Count
    """Copies whose answer was not the one that the client got."""


class LogFate(Record):
    """What became of the rows of the prediction log; zeros where there is no log."""

    written: Count = 0
    """Rows of closed files."""
    dropped: Count = 0
    """Rows for which there was no room, or that were lost with a file."""
    buffered: Count = 0
    """Rows that wait, and those of the open file."""
    files: Count = 0
    """Closed files."""
    failures: Count = 0
    """Times that writing failed."""


class GatewayStatus(Versioned):
    """State of the gateway; ``GET /status`` of its control side."""

    epoch: Text
    """Changes when the counts begin at 0 again."""
    started_at: Text
    """For people, in ISO 8601."""
    generation: Count
    """Of the table of routes in force; 0 before the first."""
    revision: Count
    """Of the pointer that it follows."""
    in_flight: dict[str, Count]
    """Deployment -> requests under way, those of older tables too."""
    in_flight_replicas: dict[str, Count]
    """Replica -> the same."""
    counts: dict[str, DeploymentCounts]
    """Deployment -> its traffic."""
    log: LogFate
    """What became of the rows of the prediction log."""


def read_routes(text: bytes) -> Routes:
    """Parse a table of routes.

    Raises:
        SerializationError: it is none; the message names the place.
    """
    return decode(Routes, text, source="table of routes")


def read_status(text: bytes) -> GatewayStatus:
    """Parse a gateway's status.

    Raises:
        SerializationError: it is none, or of a newer version.
    """
    return decode(GatewayStatus, text, source="status of the gateway")
