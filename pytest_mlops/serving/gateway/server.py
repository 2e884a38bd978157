"""A listening socket with uvicorn behind it, as the gateway needs it."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from pytest_mlops.serving.gateway.asgi import Application

__all__ = ["HttpServer", "JoinedWrites"]

_AT_MOST = 64 * 1024


class JoinedWrites(asyncio.Transport):
    """Sends what is written once the event loop gets to it; all else is the transport's own affair.

    uvicorn writes an answer in two pieces, each of which would cost a system call and wake the client up.

    Args:
        transport: What sends.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data soon, or at once where there is much of it."""
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(bytes(data))
        self._size += len(data)
        if self._size >= _AT_MOST:
            self._send()

    def _send(self) -> None:
        if self._pieces:
            self._transport.write(self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces))
            self._pieces.clear()
            self._size = 0

    def close(self) -> None:
        """Send what was written and close."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._pieces.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Return whether it is closed, or about to be."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows of the connection."""
        return self._transport.get_extra_info(name, default)


_IDLE_SECONDS = 75
_MAX_HEAD = 64 * 1024
_MAX_PIPELINED = 64


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds, and with trailers kept out of the headers."""

    _head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(JoinedWrites(transport))

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise ValueError(f"more than {_MAX_PIPELINED} requests wait")
        self._head_size = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._bound(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._bound(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # What comes after the body is no header: a trailer must not pass for one that was checked.
        self.headers = []
        if self.parser.should_upgrade():
            # The parser reads nothing after a request for another protocol; so nothing may come after it.
            self.cycle.keep_alive = False

    def _bound(self, size: int) -> None:
        self._head_size += size
        if self._head_size > _MAX_HEAD:
            raise ValueError(f"a head of more than {_MAX_HEAD} bytes")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process, which has two servers."""
        yield


class HttpServer:
    """Serves an ASGI application on a socket.

    Args:
        application: Answers requests; it gets no others than HTTP's.
        listening: Its socket.
        drain: Seconds that requests under way have once it is stopped.
    """

    def __init__(self, application: Application, listening: socket.socket, *, drain: float) -> None:
        self.port: int = listening.getsockname()[1]
        self._socket = listening
        self._server = _Server(
            uvicorn.Config(
                application,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",  # whatever a client sends is answered, and is no news
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=math.ceil(drain),
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Accept connections from now on."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            await asyncio.sleep(0.01)
            if self._task.done():
                self._task.result()

    async def stop(self) -> None:
        """Accept no more, close connections as they get idle, and wait for the rest."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
