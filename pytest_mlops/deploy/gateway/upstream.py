"""One replica, as the gateway talks to it: kept connections, and what becomes of a request that gets no answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import SimpleNamespace

    from multidict import CIMultiDict

    from pytest_mlops.deploy.gateway.routes import ReplicaAddress

__all__ = ["Call", "NoAnswer", "Upstream"]

_CONNECT_SECONDS = 5.0
# Below the 5 s after which uvicorn closes an idle connection, so that the two seldom meet.
_IDLE_SECONDS = 4.0
_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(kw_only=True, slots=True)
class Call:
    """A request as a replica gets it.

    Attributes:
        method: Its method.
        target: Path and query, as the client wrote them.
        headers: End-to-end headers.
        body: All of it, or a function that streams what the client sends; ``None`` where there is none.
        began: Whether the stream has begun, so that it cannot be sent to another replica.
    """

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes | Callable[[], AsyncIterator[bytes]] | None = None
    began: bool = False


class NoAnswer(Exception):
    """A replica gave no answer.

    Attributes:
        status: What the client is told instead.
        unsent: Whether nothing was sent, so that another replica may be asked.
        stale: Whether a kept connection closed before a byte of an answer, as replicas close those that they
            deem idle; the same replica may be asked again on another one.
    """

    def __init__(self, sentence: str, *, status: int, unsent: bool = False, stale: bool = False) -> None:
        super().__init__(sentence)
        self.status = status
        self.unsent = unsent
        self.stale = stale


@dataclass(kw_only=True, slots=True)
class _Trace:
    reused: bool = False


async def _note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.reused = True


@dataclass(eq=False, slots=True)
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
    _session: aiohttp.ClientSession | None = None
    _base: str = ""
    _closing: asyncio.Task[None] | None = field(default=None)

    def __post_init__(self) -> None:
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        self._base = f"http://{host}:{self.address.port}"

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(_note_reuse)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
                skip_auto_headers=_AUTOMATIC,
                auto_decompress=False,
                trace_configs=[trace],
                max_line_size=64 * 1024,
                max_field_size=64 * 1024,
            )
        return self._session

    async def ask(self, call: Call) -> aiohttp.ClientResponse:
        """Send a request and return the answer as soon as its headers are there.

        Raises:
            NoAnswer: there is none.
        """
        trace = _Trace()
        data = call.body if call.body is None or isinstance(call.body, bytes) else call.body()
        try:
            answer = await self._connected().request(
                call.method,
                URL(self._base + call.target, encoded=True),
                headers=call.headers,
                data=data,
                allow_redirects=False,
                trace_request_ctx=trace,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NoAnswer(f"cannot connect: {error}", status=502, unsent=not call.began) from error
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            stale = trace.reused and not call.began
            raise NoAnswer(
                f"it closed the connection without an answer: {error}", status=502, stale=stale
            ) from error
        except (aiohttp.ClientError, ValueError) as error:
            raise NoAnswer(f"what it sent is no answer: {error}", status=502) from error
        if answer.status < 200:
            answer.close()
            raise NoAnswer(f"it answered {answer.status} to a request for no other protocol", status=502)
        return answer

    def close(self) -> None:
        """Close the connections, which have no request under way."""
        if self._session is not None:
            self._closing = asyncio.get_running_loop().create_task(self._session.close())
            self._session = None

    async def aclose(self) -> None:
        """Close the connections, and return when that is done."""
        self.close()
        if self._closing is not None:
            await self._closing
