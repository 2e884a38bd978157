"""The gateway's side of ASGI: its types, short answers of its own."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Application", "Receive", "Scope", "Send", "respond", "respond_json"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


async def respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Send a whole answer."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def respond_json(
    send: Send,
    status: int,
    value: object,
    *,
    headers: list[tuple[bytes, bytes]] | None = None,
    close: bool = False,
) -> None:
    """Send a JSON value, and close the connection after it where that is asked for."""
    ours = [(b"content-type", b"application/json"), *(headers or ())]
    if close:
        ours.append((b"connection", b"close"))
    await respond(send, status, json.dumps(value).encode(), ours)
