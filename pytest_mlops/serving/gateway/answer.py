"""An answer of a replica, as it comes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

__all__ = ["Answer", "Broken"]

_HIGH_WATER = 256 * 1024


class Broken(Exception):  # noqa: N818 -- what happened to the answer
    """The connection came to an end, or what came over it is no answer.

    Attributes:
        silent: Whether not one byte of an answer had come.
    """

    def __init__(self, sentence: str, *, silent: bool = False) -> None:
        super().__init__(sentence)
        self.silent = silent


class Source(Protocol):
    """Where an answer comes from."""

    def hold(self) -> None:
        """Take no more for now."""

    def go_on(self) -> None:
        """Take more again."""

    def abort(self) -> None:
        """Take nothing more, ever."""


class Answer:
    """What a replica answers: its head is there, its body may still be to come.

    Attributes:
        status: 200 to 599.
        headers: Names in lower case, and values.
        length: Bytes of the body, where the head says so.
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
        self, connection: Source, status: int, headers: list[tuple[bytes, bytes]], length: int | None
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
        self._error: Broken | None = None

    async def read(self) -> bytes:
        """Return all of the body that is still to come.

        Raises:
            Broken: it never will.
        """
        while not self.finished:
            await self._wait()
        return self._take()

    async def read_some(self) -> bytes:
        """Return what has come, as soon as there is some; nothing at the end.

        Raises:
            Broken: it broke off.
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
            self._connection.hold()
        self._wake()

    def finish(self, error: Broken | None = None) -> None:
        """Take note that the body is at its end, for good or ill."""
        self.finished = error is None
        self._error = error
        self._wake()

    def _take(self) -> bytes:
        data = self._parts.popleft() if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._size > _HIGH_WATER:
            self._connection.go_on()
        self._size = 0
        return data

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        if self._size > _HIGH_WATER:  # one who wants all of it takes it as it comes
            self._connection.go_on()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
