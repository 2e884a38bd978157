"""The control side: takes tables of routes, reports what becomes of requests."""

from __future__ import annotations

import hmac
import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import ConflictError, SerializationError
from pytest_mlops.serving.gateway.asgi import respond_json
from pytest_mlops.serving.gateway.headers import first
from pytest_mlops.serving.gateway_protocol import GatewayStatus, LogFate, read_routes

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.accounting import Accounting
    from pytest_mlops.serving.gateway.asgi import Receive, Scope, Send
    from pytest_mlops.serving.gateway.router import Router

__all__ = ["ControlApi"]

_log = logging.getLogger(__name__)
_MAX_TABLE = 8 * 1024 * 1024
_CLOSING = frozenset({400, 401, 413})  # their body may not have been read


class ControlApi:
    """Answers on the control port; every request carries the token.

    Args:
        router: Whose table is replaced.
        accounting: What was served.
        token: Expected as ``Authorization: Bearer TOKEN``.
    """

    def __init__(self, *, router: Router, accounting: Accounting, token: str) -> None:
        self._router = router
        self._accounting = accounting
        self._expected = f"Bearer {token}".encode()
        self._epoch = uuid.uuid4().hex
        self._started_at = datetime.now(UTC).isoformat()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            status, value = await self._answer(scope, receive)
        except Exception:
            _log.exception("%s %s failed inside the gateway", scope["method"], scope["path"])
            raise
        await respond_json(send, status, value, close=status in _CLOSING)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, Any]]:
        if not hmac.compare_digest(first(scope["headers"], b"authorization") or b"", self._expected):
            return 401, {"error": "expected Authorization: Bearer with the token of gateway.json"}
        match scope["method"], scope["path"]:
            case "PUT", "/routes":
                return await self._put_routes(receive)
            case "GET", "/status":
                return 200, self._status().model_dump(mode="json")
            case method, "/routes" | "/status":
                return 405, {"error": f"{method} is not for this path"}
        return 404, {"error": "expected /routes or /status"}

    async def _put_routes(self, receive: Receive) -> tuple[int, dict[str, Any]]:
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return 400, {"error": "the table did not come to its end"}
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > _MAX_TABLE:
                return 413, {"error": f"the table is longer than {_MAX_TABLE} bytes"}
        try:
            self._router.swap(read_routes(bytes(body)))
        except SerializationError as error:
            return 400, {"error": str(error)}
        except ConflictError as error:
            return 409, {**self._numbers(), "error": str(error)}
        return 200, dict(self._numbers())

    def _numbers(self) -> dict[str, int]:
        routes = self._router.routes
        return {
            "generation": routes.generation if routes is not None else 0,
            "revision": routes.revision if routes is not None else 0,
        }

    def _status(self) -> GatewayStatus:
        deployments, replicas = self._router.in_flight()
        log = self._accounting.log
        return GatewayStatus(
            epoch=self._epoch,
            started_at=self._started_at,
            **self._numbers(),
            in_flight=deployments,
            in_flight_replicas=replicas,
            counts=self._accounting.tally.counts(),
            log=LogFate() if log is None else log.fate(),
        )
