"""An answer on its way to the client: whole where it is short, piece by piece where it is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.answer import Answer
    from pytest_mlops.serving.gateway.asgi import Send
    from pytest_mlops.serving.gateway.exchange import Exchange
    from pytest_mlops.serving.gateway.headers import Headers

__all__ = ["Relay"]

_WHOLE = 64 * 1024
_WITHOUT_BODY = frozenset({204, 304})


class Relay:
    """Hands the answer to one request on.

    Args:
        send: Sends to the client.
        exchange: Notes what is sent.
        timeout: Seconds that the replica has for each piece; the client's own time does not count.

    Attributes:
        started: Whether the client's answer has begun, so that no other can take its place.
    """

    def __init__(self, send: Send, exchange: Exchange, *, timeout: float) -> None:
        self.started = False
        self._send = send
        self._exchange = exchange
        self._timeout = timeout

    async def hand_on(self, answer: Answer, headers: Headers, clock: asyncio.Timeout) -> None:
        """Send an answer to the client.

        Raises:
            Broken: it broke off.
        """
        try:
            if self._exchange.method == "HEAD" or answer.status in _WITHOUT_BODY:
                await self._bare(answer, headers, clock)
            elif answer.length is not None and answer.length <= _WHOLE:
                await self._whole(answer, headers, clock)
            else:
                await self._pieces(answer, headers, clock)
        finally:
            answer.close()

    async def _bare(self, answer: Answer, headers: Headers, clock: asyncio.Timeout) -> None:
        if answer.length is not None and answer.status != 204:
            headers.append((b"content-length", b"%d" % answer.length))
        await self._rest(answer, headers, b"", clock)

    async def _whole(self, answer: Answer, headers: Headers, clock: asyncio.Timeout) -> None:
        data = await answer.read()
        self._exchange.response.add(data)
        headers.append((b"content-length", b"%d" % len(data)))
        await self._rest(answer, headers, data, clock)

    async def _rest(self, answer: Answer, headers: Headers, data: bytes, clock: asyncio.Timeout) -> None:
        clock.reschedule(None)
        self._exchange.whole = True
        await self._begin(answer, headers)
        await self._send({"type": "http.response.body", "body": data})

    async def _pieces(self, answer: Answer, headers: Headers, clock: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        if answer.length is not None:
            headers.append((b"content-length", b"%d" % answer.length))
        clock.reschedule(None)
        await self._begin(answer, headers)
        while True:
            clock.reschedule(loop.time() + self._timeout)
            data = await answer.read_some()
            clock.reschedule(None)
            if not data:
                break
            self._exchange.response.add(data)
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._exchange.whole = True
        await self._send({"type": "http.response.body", "body": b""})

    async def _begin(self, answer: Answer, headers: Headers) -> None:
        self.started = True
        self._exchange.status = answer.status
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
