"""The control side: the supervisor puts tables of routes in force, and everybody of ours asks what happens."""

from __future__ import annotations

import hmac
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pytest_mlops.deploy.gateway.routes import read_routes
from pytest_mlops.errors import ConflictError, SerializationError

if TYPE_CHECKING:
    from pytest_mlops.deploy.gateway.router import Router
    from pytest_mlops.deploy.gateway.sinks import Sinks

__all__ = ["Control"]

_MAX_TABLE = 8 * 1024 * 1024


class Control:
    """Answers on the control port; every request carries the token.

    Args:
        router: Whose table is replaced.
        sinks: What was served.
        token: Expected as ``Authorization: Bearer TOKEN``.
    """

    def __init__(self, *, router: Router, sinks: Sinks, token: str) -> None:
        self._router = router
        self._sinks = sinks
        self._expected = f"Bearer {token}".encode()
        self._epoch = uuid.uuid4().hex
        self._started_at = datetime.now(UTC).isoformat()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer to one request."""
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._expected):
            return _error(401, "expected Authorization: Bearer with the token of gateway.json")
        match request.method, request.path:
            case "PUT", "/routes":
                return await self._put_routes(request)
            case "GET", "/status":
                return web.json_response(self._status())
            case _, "/routes" | "/status":
                return _error(405, f"{request.method} is not for {request.path}")
        return _error(404, "expected /routes or /status")

    async def _put_routes(self, request: web.BaseRequest) -> web.Response:
        body = bytearray()
        while data := await request.content.readany():
            body += data
            if len(body) > _MAX_TABLE:
                return _error(413, f"the table is longer than {_MAX_TABLE} bytes", close=True)
        try:
            self._router.swap(read_routes(bytes(body)))
        except SerializationError as error:
            return _error(400, str(error))
        except ConflictError as error:
            return web.json_response({**self._numbers(), "error": str(error)}, status=409)
        return web.json_response(self._numbers())

    def _numbers(self) -> dict[str, int]:
        routes = self._router.routes
        return {
            "generation": routes.generation if routes is not None else 0,
            "revision": routes.revision if routes is not None else 0,
        }

    def _status(self) -> dict[str, Any]:
        deployments, replicas = self._router.in_flight()
        return {
            "epoch": self._epoch,
            "started_at": self._started_at,
            **self._numbers(),
            "in_flight": deployments,
            "in_flight_replicas": replicas,
            "counts": self._sinks.counts.as_json(),
            "log": self._sinks.log_as_json(),
        }


def _error(status: int, sentence: str, *, close: bool = False) -> web.Response:
    response = web.json_response({"error": sentence}, status=status)
    if close:
        response.force_close()
    return response
