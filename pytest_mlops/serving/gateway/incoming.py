"""A client's request as it comes in: refusals, body, disconnect."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pytest_mlops.serving.gateway.headers import first

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_mlops.serving.gateway.asgi import Receive, Scope
    from pytest_mlops.serving.gateway.exchange import Captured
    from pytest_mlops.serving.gateway.upstream import Call

__all__ = ["Body", "ClientDisconnected", "DisconnectWatch", "Refusal", "target_of"]

_WHOLE = 64 * 1024
"""Bytes up to which a body of known length is read whole before a replica is chosen."""


class ClientDisconnected(Exception):  # noqa: N818 -- what happened, without a fault
    """The client closed its connection before it had its answer."""


class Refusal(Exception):  # noqa: N818 -- as above
    """A request that goes to no replica.

    Attributes:
        status: Of the answer to the client.
        reason: Label for the metrics.
    """

    def __init__(self, message: str, *, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


def target_of(scope: Scope) -> bytes:
    """Return path and query, as the client wrote them.

    Raises:
        Refusal: this is no request that can be passed on.
    """
    headers = scope["headers"]
    if scope["method"] == "CONNECT":
        raise Refusal("the gateway does not support CONNECT", status=501, reason="method")
    if b"websocket" in (first(headers, b"upgrade") or b"").lower():
        raise Refusal("the gateway does not support WebSockets; use HTTP", status=501, reason="websocket")
    expects = first(headers, b"expect")
    if expects is not None and expects.lower() != b"100-continue":
        raise Refusal("only 100-continue can be expected", status=417, reason="expect")
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1 or (hosts == 0 and scope["http_version"] == "1.1"):
        raise Refusal(f"expected one Host header; got {hosts}", status=400, reason="host")
    path: bytes = scope["raw_path"]
    if not path.startswith(b"/"):
        raise Refusal("expected a path", status=400, reason="target")
    return path + b"?" + scope["query_string"] if scope["query_string"] else path


class Body:
    """A client's body.

    Args:
        scope: The request.
        receive: Gives its body.
        limit: Bytes that are allowed.
        timeout: Seconds for each piece.
        captured: Keeps its beginning.

    Attributes:
        length: Its bytes, where the client states them.
        captured: As given.
        finished: Whether all of it came.
        clock: Is set back by each piece.
    """

    def __init__(
        self, scope: Scope, receive: Receive, *, limit: int, timeout: float, captured: Captured
    ) -> None:
        length = first(scope["headers"], b"content-length")
        self.length = int(length) if length is not None else None
        self.captured = captured
        self.finished = not self.length and first(scope["headers"], b"transfer-encoding") is None
        self.clock: asyncio.Timeout | None = None
        self._receive = receive
        self._limit = limit
        self._timeout = timeout
        if self.length is not None and self.length > limit:
            raise self._too_long()

    async def whole(self) -> bytes | None:
        """Return the body where it is short; ``None`` where there is none, or it has to be streamed.

        Raises:
            ClientDisconnected: it never comes to its end.
        """
        if self.length is None or self.length > _WHOLE:
            return None
        data = b""
        while not self.finished:
            data += await self._piece()
        self.captured.add(data)
        return data

    async def stream(self, call: Call) -> AsyncIterator[bytes]:
        """Yield the body as it comes, and note that sending has started.

        Raises:
            ClientDisconnected: it never comes to its end.
            Refusal: it is too long.
        """
        call.began = True
        while not self.finished:
            data = await self._piece()
            self.captured.add(data)
            if self.captured.size > self._limit:
                raise self._too_long()
            self._set_back()
            if data:
                yield data
                self._set_back()

    async def _piece(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientDisconnected("while its body came")
        self.finished = not message.get("more_body", False)
        data: bytes = message.get("body", b"")
        return data

    def _set_back(self) -> None:
        if self.clock is not None and self.clock.when() is not None and not self.clock.expired():
            self.clock.reschedule(asyncio.get_running_loop().time() + self._timeout)

    def _too_long(self) -> Refusal:
        return Refusal(f"the body is longer than {self._limit} bytes", status=413, reason="body_size")

    def too_slow(self) -> Refusal:
        """Return the refusal of a body that does not come."""
        return Refusal(f"nothing of the body came for {self._timeout:g} s", status=408, reason="body_time")


# Most answers are there before; for them the watch costs a timer and no task.
_AFTER = 0.02


class DisconnectWatch:
    """Cancels the task that it is made in when the client leaves.

    Args:
        receive: Receives the disconnect.
        body: Is received first.

    Attributes:
        disconnected: Whether the client has left.
    """

    def __init__(self, receive: Receive, body: Body) -> None:
        self.disconnected = False
        self._receive = receive
        self._body = body
        self._working = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_AFTER, self._begin)
        self._watching: asyncio.Task[None] | None = None

    def _begin(self) -> None:
        if self._body.finished:
            self._watching = self._loop.create_task(self._watch())
        else:
            self._timer = self._loop.call_later(_AFTER, self._begin)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.disconnected = True
        if self._working is not None:
            self._working.cancel()

    def end(self) -> None:
        """Watch no more."""
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
