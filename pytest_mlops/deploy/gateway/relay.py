"""An answer on its way to the client: whole where it is short, piece by piece where it is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiohttp import ClientResponse
    from multidict import CIMultiDict

    from pytest_mlops.deploy.gateway.exchange import Exchange

__all__ = ["Relay"]

_WHOLE = 64 * 1024
_WITHOUT_BODY = frozenset({204, 304})


class Relay:
    """Hands the answer to one request on.

    Attributes:
        started: The client's answer, once its headers were sent.
        client_left: Whether the client could be sent no more.
    """

    def __init__(self, request: web.BaseRequest, exchange: Exchange, *, timeout: float) -> None:
        self._request = request
        self._exchange = exchange
        self._timeout = timeout
        self.started: web.StreamResponse | None = None
        self.client_left = False

    async def hand_on(
        self, answer: ClientResponse, headers: CIMultiDict[str], clock: asyncio.Timeout
    ) -> web.StreamResponse:
        """Return the client's answer.

        Args:
            answer: What the replica sent so far.
            headers: What the client gets of its headers.
            clock: Bounds the time that the replica takes; the client's own time does not count.
        """
        try:
            length = answer.content_length
            if self._request.method == "HEAD" or answer.status in _WITHOUT_BODY:
                return self._bare(answer, headers, length)
            if length is not None and length <= _WHOLE:
                return await self._whole(answer, headers)
            return await self._pieces(answer, headers, length, clock)
        finally:
            answer.close()

    def _bare(
        self, answer: ClientResponse, headers: CIMultiDict[str], length: int | None
    ) -> web.StreamResponse:
        answer.release()
        if length is not None:
            headers["Content-Length"] = str(length)
        self._exchange.status, self._exchange.whole = answer.status, True
        return web.Response(status=answer.status, reason=answer.reason, headers=headers)

    async def _whole(self, answer: ClientResponse, headers: CIMultiDict[str]) -> web.StreamResponse:
        data = await answer.read()
        self._exchange.response.add(data)
        self._exchange.status, self._exchange.whole = answer.status, True
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=data)

    async def _pieces(
        self, answer: ClientResponse, headers: CIMultiDict[str], length: int | None, clock: asyncio.Timeout
    ) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        response.content_length = length
        self._exchange.status = answer.status
        self.started = response
        clock.reschedule(None)
        await self._to_client(response.prepare(self._request))
        while True:
            clock.reschedule(loop.time() + self._timeout)
            data = await answer.content.readany()
            if not data:
                break
            clock.reschedule(None)
            self._exchange.response.add(data)
            await self._to_client(response.write(data))
        self._exchange.whole = True
        clock.reschedule(None)
        await self._to_client(response.write_eof())
        return response

    async def _to_client(self, sent: Awaitable[object]) -> None:
        try:
            await sent
        except ConnectionError:
            self.client_left = True
            raise

    def break_off(self) -> web.StreamResponse:
        """Return the answer that was begun, on a closed connection: nobody may take it for a whole one."""
        if self._request.transport is not None:
            self._request.transport.close()
        return self.started or web.Response(status=502)
