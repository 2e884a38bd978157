"""One HTTP request over a connection of its own, which is closed however the exchange ends."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import h11

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

__all__ = ["NO_RESPONSE", "HttpResponse", "exchange"]

_CHUNK = 64 * 1024

NO_RESPONSE = (OSError, ValueError, h11.ProtocolError)
"""What an exchange raises where there is no response; a name that cannot be encoded is a ValueError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpResponse:
    """A response whose head was read.

    Attributes:
        status: 200 to 599.
    """

    status: int
    _talk: h11.Connection
    _reader: asyncio.StreamReader

    async def read(self, most: int) -> bytes:
        """Return the body as it came, nothing unpacked; of one longer than ``most`` bytes, a little more.

        Raises:
            OSError, h11.ProtocolError: it ends before its end.
        """
        data = bytearray()
        while len(data) <= most and isinstance(event := await _event(self._talk, self._reader), h11.Data):
            data += event.data
        return bytes(data)


@contextlib.asynccontextmanager
async def exchange(method: str, url: httpx.URL, *, body: bytes | None = None) -> AsyncIterator[HttpResponse]:
    """Send a request; what is left of the answer at the end is not read.

    Nothing is followed, no proxy counts, and certificates are held against the machine's authorities. A
    client with a pool would search all of it for each request, and httpx leaves a connection open where
    time is up in the middle of a TLS handshake.

    Args:
        method: As ``GET``.
        url: Of http or https.
        body: JSON; ``None`` for none.

    Raises:
        OSError, ValueError, h11.ProtocolError: there is no response; see ``NO_RESPONSE``.
    """
    host = url.raw_host.decode("ascii")
    tls = _trust() if url.scheme == "https" else None
    reader, writer = await asyncio.open_connection(host, url.port or (443 if tls else 80), ssl=tls)
    try:
        talk = h11.Connection(our_role=h11.CLIENT)
        head = h11.Request(method=method, target=url.raw_path, headers=_headers(url, body))
        writer.write(talk.send(head) or b"")
        if body:
            writer.write(talk.send(h11.Data(data=body)) or b"")
        writer.write(talk.send(h11.EndOfMessage()) or b"")
        while isinstance(event := await _event(talk, reader), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response):
            raise ConnectionError("the connection ended before a response")
        yield HttpResponse(status=event.status_code, _talk=talk, _reader=reader)
    finally:
        writer.transport.abort()


async def _event(talk: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := talk.next_event()) is h11.NEED_DATA:
        talk.receive_data(await reader.read(_CHUNK))
    return event


def _headers(url: httpx.URL, body: bytes | None) -> list[tuple[str, str]]:
    headers = [
        ("Host", url.netloc.decode("ascii")),
        ("User-Agent", "pytest-mlops"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    if url.userinfo:
        user = base64.b64encode(unquote(url.userinfo.decode("ascii")).encode()).decode("ascii")
        headers.append(("Authorization", f"Basic {user}"))
    if body is not None:
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return headers


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return what certificates are held against; to load it takes longer than a probe."""
    return ssl.create_default_context()
