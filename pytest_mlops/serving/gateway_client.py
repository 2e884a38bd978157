"""Talks to the control side of a gateway on this machine."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

from pytest_mlops.serving.processes import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.state.paths import Layout

__all__ = ["gateway_status", "put_routes"]

_SECONDS = 5.0


def gateway_status(layout: Layout, *, seconds: float = _SECONDS) -> dict[str, Any] | None:
    """Return what the gateway says of itself; ``None`` where none answers in time."""
    status, told = _ask(layout, "GET", "/status", None, seconds)
    return told if status == http.client.OK else None


def put_routes(layout: Layout, routes: Mapping[str, Any], *, seconds: float = _SECONDS) -> int | None:
    """Tell the gateway its routes; return its answer's status, ``None`` where none answers in time.

    200 says that every new request follows them, 409 that it knows newer ones.
    """
    status, _ = _ask(layout, "PUT", "/routes", json.dumps(routes).encode(), seconds)
    return status


def _ask(
    layout: Layout, method: str, path: str, body: bytes | None, seconds: float
) -> tuple[int | None, dict[str, Any] | None]:
    """Return status and JSON object of an answer.

    A connection each time: who asks is a command that soon ends, or a loop that must not depend on what was.
    """
    values = read_json(layout.gateway)
    if values is None:
        return None, None
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(values["control_port"]), timeout=seconds)
        try:
            headers = {"authorization": f"Bearer {values['token']}", "content-type": "application/json"}
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
            return answer.status, told if isinstance(told, dict) else None
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, KeyError, TypeError, ValueError):
        return None, None
