"""One replica, as the gateway talks to it: kept connections, requests, answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mlops.serving.gateway.connection import Connection, ProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pytest_mlops.serving.gateway.connection import ReplicaAnswer
    from pytest_mlops.serving.gateway_protocol import ReplicaAddress

__all__ = ["Call", "Upstream", "UpstreamError"]

_CONNECT_SECONDS = 5.0
# Below the 5 s after which uvicorn closes an idle connection, so that the two seldom meet.
_IDLE_SECONDS = 4.0


@dataclass(kw_only=True, slots=True)
class Call:
    """A request as a replica gets it.

    Attributes:
        method: Its method.
        target: Path and query, as the client wrote them.
        headers: End-to-end headers.
        body: All of it; ``None`` where there is none, or ``stream`` yields it.
        stream: Yields what the client sends.
        length: Bytes that the stream will come to, where that is known.
        began: Whether the stream was started, so that it cannot be sent to another replica.
    """

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes | None = None
    stream: Callable[[], AsyncIterator[bytes]] | None = None
    length: int | None = None
    began: bool = False

    def head(self) -> bytes:
        """Return the request down to its empty line."""
        lines = [b"%b %b HTTP/1.1\r\n" % (self.method.encode(), self.target)]
        lines += [b"%b: %b\r\n" % header for header in self.headers]
        length = len(self.body) if self.body is not None else self.length
        if length is not None:
            lines.append(b"content-length: %d\r\n" % length)
        elif self.stream is not None:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)


class UpstreamError(Exception):
    """A replica gave no response.

    Attributes:
        status: Of the answer to the client instead.
        unsent: Whether nothing was sent, so that another replica may be asked.
        stale: Whether a kept connection closed before a byte of an answer, as replicas close those that they
            deem idle; the same replica may be asked again on another one.
    """

    def __init__(self, message: str, *, status: int, unsent: bool = False, stale: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.unsent = unsent
        self.stale = stale


@dataclass(eq=False, kw_only=True, slots=True)
class Upstream:
    """A replica, its connections and its requests under way.

    Attributes:
        address: Where it listens.
        deployment: Whose replica it is.
        in_flight: Requests under way.
        gone: Whether no table in force names it any more.
    """

    address: ReplicaAddress
    deployment: str
    in_flight: int = 0
    gone: bool = False
    _idle: list[Connection] = field(default_factory=list)

    async def ask(self, call: Call) -> ReplicaAnswer:
        """Send a request and return the answer as soon as its head is there.

        Raises:
            UpstreamError: there is none.
        """
        connection = self._kept() or await self._connect(call)
        used = connection.used
        try:
            return await self._send(connection, call)
        except ProtocolError as error:
            stale = used and error.silent and not call.began
            raise UpstreamError(f"upstream error: {error}", status=502, stale=stale) from error
        except BaseException:
            connection.abort()
            raise

    async def _send(self, connection: Connection, call: Call) -> ReplicaAnswer:
        if call.stream is None:
            return await connection.request(call.head() + (call.body or b""), method=call.method)
        head = connection.request(call.head(), method=call.method, more=True)
        upload = asyncio.get_running_loop().create_task(_upload(connection, call, call.stream()))
        upload.add_done_callback(_retrieve)
        try:
            # A replica may answer before it has all of the body, or while it comes.
            await asyncio.wait((head, upload), return_when=asyncio.FIRST_COMPLETED)
            if upload.done():
                upload.result()
            answer = await head
        except BaseException:
            head.cancel()
            upload.cancel()
            raise
        answer.upload = upload
        return answer

    def _kept(self) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.open and connection.idle_since >= oldest:
                return connection
            connection.abort()
        return None

    async def _connect(self, call: Call) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: Connection(idle=self._keep, lost=self._drop), self.address.host, self.address.port
                )
        except OSError as error:  # a timeout is one too
            message = f"upstream error: cannot connect to {self.address.host}:{self.address.port}: {error}"
            raise UpstreamError(message, status=502, unsent=not call.began) from error
        if not connection.open:
            raise UpstreamError(
                "upstream error: it closed the connection without a response",
                status=502,
                unsent=not call.began,
            )
        return connection

    def _keep(self, connection: Connection) -> None:
        if self.gone:
            connection.abort()
            return
        oldest = connection.idle_since - _IDLE_SECONDS
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).abort()
        self._idle.append(connection)

    def _drop(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close the connections, which have no request under way."""
        for connection in list(self._idle):
            connection.abort()
        self._idle = []


def _retrieve(upload: asyncio.Task[None]) -> None:
    """Retrieve what ended an upload, which matters only where no response had come."""
    if not upload.cancelled():
        upload.exception()


async def _upload(connection: Connection, call: Call, pieces: AsyncIterator[bytes]) -> None:
    """Send a body as it comes; where it does not come to its end, neither does the request."""
    try:
        async for data in pieces:
            await connection.write(data if call.length is not None else b"%x\r\n%b\r\n" % (len(data), data))
        await connection.write(b"" if call.length is not None else b"0\r\n\r\n", last=True)
    except BaseException:
        connection.abort()
        raise
