"""One HTTP/1.1 connection to a replica, with at most one request under way."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Connection", "ProtocolError", "ReplicaAnswer"]

_HIGH_WATER = 256 * 1024


class ProtocolError(Exception):
    """The connection ended, or what came over it is not a response.

    Attributes:
        silent: Whether not one byte of an answer had come.
    """

    def __init__(self, message: str, *, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent


class ReplicaAnswer:
    """What a replica answers: its head is there, its body may still be to come.

    Attributes:
        status: 200 to 599.
        headers: Names in lower case, and values.
        length: Bytes of the body, where the head has them.
        finished: Whether all of the body has come.
        upload: What still sends the request's body.
    """

    __slots__ = (
        "_connection",
        "_error",
        "_parts",
        "_size",
        "_waiter",
        "finished",
        "headers",
        "length",
        "status",
        "upload",
    )

    def __init__(
        self, connection: Connection, status: int, headers: list[tuple[bytes, bytes]], length: int | None
    ) -> None:
        self.status = status
        self.headers = headers
        self.length = length
        self.finished = False
        self.upload: asyncio.Task[None] | None = None
        self._connection = connection
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: ProtocolError | None = None

    async def read(self) -> bytes:
        """Return all of the body that is still to come.

        Raises:
            ProtocolError: it never will.
        """
        while not self.finished:
            await self._wait()
        return self._take()

    async def read_some(self) -> bytes:
        """Return what has come, as soon as there is some; nothing at the end.

        Raises:
            ProtocolError: it broke off.
        """
        while not self._parts and not self.finished:
            await self._wait()
        return self._take()

    def close(self) -> None:
        """Have no more of it: a connection on which more is to come is closed."""
        if self.upload is not None:
            self.upload.cancel()
        if not self.finished:
            self._connection.abort()

    def feed(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > _HIGH_WATER:
            self._connection.pause()
        self._wake()

    def finish(self, error: ProtocolError | None = None) -> None:
        """Take note that the body is at its end, for good or ill."""
        self.finished = error is None
        self._error = error
        self._wake()

    def _take(self) -> bytes:
        data = self._parts.popleft() if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._size > _HIGH_WATER:
            self._connection.resume()
        self._size = 0
        return data

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        if self._size > _HIGH_WATER:  # a reader of the whole body takes it as it comes
            self._connection.resume()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


_MAX_HEAD = 256 * 1024


class Connection(asyncio.Protocol):
    """A connection, with at most one request under way.

    Args:
        idle: Is called when the answer has come and another request may be sent.
        lost: Is called when the connection is no more.

    Attributes:
        used: Whether a request was answered on it before.
        idle_since: When its last request was over, on the loop's clock.
    """

    def __init__(self, *, idle: Callable[[Connection], None], lost: Callable[[Connection], None]) -> None:
        self.used = False
        self.idle_since = 0.0
        self._idle = idle
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._head: asyncio.Future[ReplicaAnswer] | None = None
        self._answer: ReplicaAnswer | None = None
        self._sending = False
        self._writable: asyncio.Future[None] | None = None
        self._reset(bodiless=False)

    def _reset(self, *, bodiless: bool) -> None:
        self._bodiless = bodiless
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._length: int | None = None
        self._chunked = False
        self._silent = True
        self._complete = False
        self._keep = False
        self._surplus = False
        self._interim = False

    @property
    def open(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def request(self, data: bytes, *, method: str, more: bool = False) -> asyncio.Future[ReplicaAnswer]:
        """Send a request's head with what there is of its body; return the answer to come.

        The future raises ``ProtocolError`` where there is none.

        Args:
            data: What is sent.
            method: ``HEAD`` is answered without a body.
            more: Whether ``write`` sends more of the body.
        """
        self._reset(bodiless=method == "HEAD")
        self._sending = more
        self._parser = httptools.HttpResponseParser(self)
        self._answer = None
        self._head = asyncio.get_running_loop().create_future()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
        else:
            self._fail(ProtocolError("the connection was closed before a response", silent=True))
        return self._head

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Send more of the body, as fast as the replica takes it; drop it where the connection is gone."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        self._sending = not last
        if self._writable is not None:
            await self._writable

    def pause(self) -> None:
        """Take no more for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take more again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._parser is None:
            self.abort()  # nothing was asked
            return
        self._silent = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(ProtocolError("it changed to a protocol that was not requested"))
        except httptools.HttpParserError as error:
            self._fail(ProtocolError(f"the response is not HTTP: {error.__context__ or error}"))
        if self._complete:
            self._over()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request under way; an answer of no stated length ends here."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        answer = self._answer
        if answer is not None and self._ends_with_connection() and exc is None and not self._complete:
            answer.finish()
        else:
            reason = str(exc) if exc is not None else "end of file"
            self._fail(ProtocolError(f"the connection was closed: {reason}", silent=self._silent))
        self._transport = self._parser = None
        self._lost(self)

    def pause_writing(self) -> None:
        """Make writers wait."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let writers continue."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def on_message_begin(self) -> None:
        """Take note of a message that was not asked for."""
        self._surplus = self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; the parser calls this."""
        self._head_size += len(name) + len(value)
        if self._head_size > _MAX_HEAD:
            raise ValueError(f"a head of more than {_MAX_HEAD} bytes")
        if self._answer is not None:
            return  # a trailer, which belongs to the chunked coding
        name = name.lower()
        if name == b"content-length":
            self._length = int(value)
        elif name == b"transfer-encoding":
            self._chunked = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Hand the head of the answer out; the parser calls this."""
        if self._parser is None or self._head is None or self._complete:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._interim, self._headers = True, []
            return
        if status > 599:
            raise ValueError(f"a status of {status}")
        self._interim = False
        self._answer = ReplicaAnswer(self, status, self._headers, None if self._chunked else self._length)
        if self._bodiless:
            # The parser cannot know that no body follows; nothing more is read from this connection.
            self._answer.finish()
            if self._transport is not None:
                self._transport.close()
        if not self._head.done():
            self._head.set_result(self._answer)

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body; the parser calls this."""
        if self._answer is not None and not self._bodiless and not self._complete:
            self._answer.feed(data)

    def on_message_complete(self) -> None:
        """Take note of the end of the answer; the parser calls this."""
        if self._interim:
            self._interim = False
            return
        self._complete = True
        self._keep = self._parser is not None and self._parser.should_keep_alive()

    def _ends_with_connection(self) -> bool:
        return not self._chunked and self._length is None

    def _over(self) -> None:
        keep = self._keep and not (self._surplus or self._sending or self._bodiless)
        self._parser = None
        answer, self._answer = self._answer, None
        if answer is not None and not answer.finished:
            answer.finish()
        if keep and self.open:
            self.used = True
            self.idle_since = asyncio.get_running_loop().time()
            self.resume()
            self._idle(self)
        elif self._transport is not None:
            self._transport.close()

    def _fail(self, error: ProtocolError) -> None:
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
        elif self._answer is not None and not self._answer.finished:
            self._answer.finish(error)
        self.abort()
