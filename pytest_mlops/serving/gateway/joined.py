"""A transport that joins what is written in one go, so that an answer's head and body are sent at once."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["JoinedWrites"]

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
