"""The proxy that one would write first: Starlette and httpx."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import httpx
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

_BEHIND = f"http://127.0.0.1:{os.environ['BEHIND']}"
_client = httpx.AsyncClient(limits=httpx.Limits(max_connections=200, max_keepalive_connections=200))


async def _proxy(request: Request) -> Response:
    headers = [(name, value) for name, value in request.headers.items() if name != "host"]
    answer = await _client.request(
        request.method, _BEHIND + request.url.path, content=await request.body(), headers=headers
    )
    return Response(answer.content, answer.status_code, {"content-type": answer.headers["content-type"]})


app = Starlette(routes=[Route("/{path:path}", _proxy, methods=["GET", "POST"])])
