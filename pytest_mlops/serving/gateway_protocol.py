"""What supervisor and gateway send one another: the table of routes."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from pytest_mlops.errors import SerializationError
from pytest_mlops.records.base import Count, Label, Record, Share, Text
from pytest_mlops.text import describe_problems

__all__ = ["ReplicaAddress", "Route", "Routes", "ShadowRoute", "read_routes"]


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
    """A deployment that gets copies of requests, and whose answers nobody sees."""

    deployment: Label
    """The deployment."""
    version: Text
    """The version that it serves, as ``model@version``."""
    share: Share
    """Share of the requests that are copied."""
    replicas: tuple[ReplicaAddress, ...] = ()
    """Its ready replicas."""


class Routes(Record):
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
                raise ValueError(f"a deployment may stand in a list of routes once; got {names}")
        return self


def read_routes(text: bytes) -> Routes:
    """Parse a table of routes.

    Raises:
        SerializationError: it is none; the message says where.
    """
    try:
        return Routes.model_validate_json(text)
    except ValidationError as error:
        raise SerializationError(f"not a table of routes: {describe_problems(error)}") from error
