"""Talks to the control side of a gateway on this machine."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.serving.gateway_protocol import GatewayStatus, read_status
from pytest_mlops.serving.run_files import read_gateway
from pytest_mlops.serving.versioned import encode

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway_protocol import Routes
    from pytest_mlops.state.paths import Layout

__all__ = ["RoutesReply", "gateway_status", "put_routes"]

_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutesReply:
    """What a gateway answers to a table of routes.

    Attributes:
        in_force: Whether every new request follows it.
        error: Why not; empty where it is in force.
    """

    in_force: bool
    error: str


def gateway_status(layout: Layout, *, seconds: float = _SECONDS) -> GatewayStatus | None:
    """Return the gateway's status; ``None`` where no gateway answers in time.

    Raises:
        SerializationError: the gateway is of a newer version than this program.
    """
    reply = _request(layout, "GET", "/status", None, seconds)
    return read_status(reply[1]) if reply is not None and reply[0] == http.client.OK else None


def put_routes(layout: Layout, routes: Routes, *, seconds: float = _SECONDS) -> RoutesReply | None:
    """Send the gateway its routes, in a version that it knows; ``None`` where no gateway answers in time.

    Raises:
        SerializationError: the gateway is of a newer version than this program.
    """
    reply = _request(layout, "PUT", "/routes", routes, seconds)
    if reply is None:
        return None
    status, body = reply
    if status == http.client.OK:
        return RoutesReply(in_force=True, error="")
    return RoutesReply(in_force=False, error=_error_in(body) or f"it answered {status}")


def _request(
    layout: Layout, method: str, path: str, body: Routes | None, seconds: float
) -> tuple[int, bytes] | None:
    """Return status and body of an answer.

    A connection each time: the caller is a command that soon ends, or a loop that must not depend on what
    became of an earlier one.
    """
    gateway = read_gateway(layout)
    if gateway is None:
        return None
    connection = http.client.HTTPConnection("127.0.0.1", gateway.control_port, timeout=seconds)
    headers = {"authorization": f"Bearer {gateway.token}", "content-type": "application/json"}
    try:
        data = None if body is None else encode(body, version=gateway.version)
        connection.request(method, path, body=data, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _error_in(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
