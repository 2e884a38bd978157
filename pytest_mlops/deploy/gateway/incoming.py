"""A client's request as it comes in: what is refused, and its body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.web import BaseRequest

    from pytest_mlops.deploy.gateway.exchange import Captured
    from pytest_mlops.deploy.gateway.upstream import Call

__all__ = ["Body", "Refusal", "target_of"]

_WHOLE = 64 * 1024
"""Bytes up to which a body of known length is read whole before a replica is chosen."""


class Refusal(Exception):
    """A request that goes to no replica.

    Attributes:
        status: What the client is told.
        reason: One word for the metrics.
    """

    def __init__(self, sentence: str, *, status: int, reason: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason


def target_of(request: BaseRequest) -> str:
    """Return path and query, as the client wrote them.

    Raises:
        Refusal: this is no request that can be passed on.
    """
    if request.method == "CONNECT":
        raise Refusal("CONNECT is not for a gateway", status=501, reason="method")
    if "websocket" in request.headers.get("Upgrade", "").lower():
        raise Refusal("WebSockets are not passed on; use HTTP", status=501, reason="websocket")
    hosts = request.headers.getall("Host", ())
    if len(hosts) > 1 or (not hosts and request.version >= HttpVersion11):
        raise Refusal(f"expected one Host header; got {len(hosts)}", status=400, reason="host")
    target = request.raw_path
    if not target.startswith("/"):
        scheme, separator, rest = target.partition("://")
        if not separator or scheme.lower() not in {"http", "https"}:
            raise Refusal(f"expected a path; got {target[:100]}", status=400, reason="target")
        _, slash, path = rest.partition("/")
        target = slash + path or "/"
    return target.partition("#")[0]


class Body:
    """A client's body.

    Attributes:
        captured: Its beginning.
        finished: Whether all of it came.
        too_large: Whether it turned out longer than is allowed.
        clock: Timeout that each piece sets back, once there is one.
    """

    def __init__(self, request: BaseRequest, *, limit: int, timeout: float, captured: Captured) -> None:
        self._content = request.content
        self._request = request
        self._limit = limit
        self._timeout = timeout
        self.length = request.content_length
        self.captured = captured
        self.finished = not request.can_read_body
        self.too_large = False
        self.clock: asyncio.Timeout | None = None

    async def receive(self) -> bytes | None:
        """Return the body where it is short; ``None`` where it has to be streamed, or there is none.

        Raises:
            Refusal: it is too long, or took too long.
        """
        if self.length is not None and self.length > self._limit:
            raise self.refusal_of_size()
        await self._continue()
        if self.length is None or self.length > _WHOLE:
            return None
        if self.length == 0:
            return b""
        if self._content.is_eof():
            data = await self._content.read()
        else:
            try:
                async with asyncio.timeout(self._timeout):
                    data = await self._content.read()
            except TimeoutError:
                raise self.refusal_of_time() from None
        self.captured.add(data)
        self.finished = True
        return data

    async def _continue(self) -> None:
        expects = self._request.headers.get("Expect")
        if expects is None or self._request.version < HttpVersion11:
            return
        if expects.lower() != "100-continue":
            raise Refusal(f"cannot do what is expected: {expects[:100]}", status=417, reason="expect")
        writer = self._request.writer
        await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.output_size = 0

    async def stream(self, call: Call) -> AsyncIterator[bytes]:
        """Yield the body as it comes, and note that this has begun."""
        call.began = True
        while data := await self._content.readany():
            self.captured.add(data)
            if self.captured.size > self._limit:
                self.too_large = True
                raise self.refusal_of_size()
            self._set_back()
            yield data
            self._set_back()
        self.finished = True

    def _set_back(self) -> None:
        if self.clock is not None:
            self.clock.reschedule(asyncio.get_running_loop().time() + self._timeout)

    def refusal_of_size(self) -> Refusal:
        """Return the refusal of a body that is too long."""
        return Refusal(f"the body is longer than {self._limit} bytes", status=413, reason="body_size")

    def refusal_of_time(self) -> Refusal:
        """Return the refusal of a body that does not come."""
        return Refusal(f"nothing of the body came for {self._timeout:g} s", status=408, reason="body_time")
