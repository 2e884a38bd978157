"""The public side: has a replica answer each request."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from pytest_mlops.serving.gateway.asgi import respond_json
from pytest_mlops.serving.gateway.connection import ProtocolError
from pytest_mlops.serving.gateway.exchange import Captured, Exchange
from pytest_mlops.serving.gateway.forward import forward
from pytest_mlops.serving.gateway.headers import (
    DEPLOYMENT,
    REQUEST_ID,
    answer_headers,
    first,
    request_headers,
    request_id,
)
from pytest_mlops.serving.gateway.incoming import (
    Body,
    ClientDisconnected,
    DisconnectWatch,
    Refusal,
    target_of,
)
from pytest_mlops.serving.gateway.shadow import COMPARED
from pytest_mlops.serving.gateway.upstream import Call, UpstreamError

if TYPE_CHECKING:
    from pytest_mlops.records.serving import GatewaySettings
    from pytest_mlops.serving.gateway.accounting import Accounting
    from pytest_mlops.serving.gateway.asgi import Receive, Scope, Send
    from pytest_mlops.serving.gateway.connection import ReplicaAnswer
    from pytest_mlops.serving.gateway.headers import Headers
    from pytest_mlops.serving.gateway.pages import Pages
    from pytest_mlops.serving.gateway.router import Router
    from pytest_mlops.serving.gateway.shadow import ShadowTee

__all__ = ["Proxy", "Relay"]

_WHOLE = 64 * 1024
_WITHOUT_BODY = frozenset({204, 304})


class Relay:
    """Relays the answer to one request.

    Args:
        send: Sends to the client.
        exchange: Notes what is sent.
        timeout: Seconds that the replica has for each piece; the client's own time does not count.

    Attributes:
        started: Whether the client's answer was started, so that no other can take its place.
    """

    def __init__(self, send: Send, exchange: Exchange, *, timeout: float) -> None:
        self.started = False
        self._send = send
        self._exchange = exchange
        self._timeout = timeout

    async def relay(self, answer: ReplicaAnswer, headers: Headers, clock: asyncio.Timeout) -> None:
        """Send an answer to the client.

        Raises:
            ProtocolError: it broke off.
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

    async def _bare(self, answer: ReplicaAnswer, headers: Headers, clock: asyncio.Timeout) -> None:
        if answer.length is not None and answer.status != 204:
            headers.append((b"content-length", b"%d" % answer.length))
        await self._rest(answer, headers, b"", clock)

    async def _whole(self, answer: ReplicaAnswer, headers: Headers, clock: asyncio.Timeout) -> None:
        data = await answer.read()
        self._exchange.response.add(data)
        headers.append((b"content-length", b"%d" % len(data)))
        await self._rest(answer, headers, data, clock)

    async def _rest(
        self, answer: ReplicaAnswer, headers: Headers, data: bytes, clock: asyncio.Timeout
    ) -> None:
        clock.reschedule(None)
        self._exchange.whole = True
        await self._begin(answer, headers)
        await self._send({"type": "http.response.body", "body": data})

    async def _pieces(self, answer: ReplicaAnswer, headers: Headers, clock: asyncio.Timeout) -> None:
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

    async def _begin(self, answer: ReplicaAnswer, headers: Headers) -> None:
        self.started = True
        self._exchange.status = answer.status
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})


_log = logging.getLogger(__name__)


class Proxy:
    """Answers the requests of clients.

    Args:
        router: Decides where each goes.
        settings: Timeout and sizes.
        accounting: Get every exchange when it is over.
        tee: Sends copies.
        pages: What the gateway answers itself.
    """

    def __init__(
        self,
        *,
        router: Router,
        settings: GatewaySettings,
        accounting: Accounting,
        tee: ShadowTee,
        pages: Pages,
    ) -> None:
        self._router = router
        self._settings = settings
        self._accounting = accounting
        self._tee = tee
        self._pages = pages
        self._quiet_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what goes wrong with it is an answer too."""
        identity = request_id(scope["headers"])
        try:
            target = target_of(scope)
            if not await self._pages.answer(scope, send):
                await self._pass_on(scope, receive, send, target, identity)
        except Refusal as refusal:
            self._accounting.tally.refuse(refusal.reason)
            await _send_error(send, refusal.status, str(refusal), identity, close=True)
        except ClientDisconnected:
            self._accounting.tally.refuse("client_left")
        except Exception:
            _log.exception("request %s failed inside the gateway", identity)
            self._accounting.tally.refuse("internal")
            raise

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, target: bytes, identity: str
    ) -> None:
        settings = self._settings
        kept = self._kept()
        body = Body(
            scope, receive, limit=settings.max_body, timeout=settings.timeout, captured=Captured(limit=kept)
        )
        data = await self._received(body)
        pool = self._router.choose()
        if pool is None:
            raise Refusal("no version is ready to answer", status=503, reason="no_replica")
        call = Call(
            method=scope["method"], target=target, headers=request_headers(scope, identity), body=data
        )
        if not body.finished:
            call.stream, call.length = lambda: body.stream(call), body.length
        exchange = Exchange(
            request_id=identity,
            method=call.method,
            target=target.decode("utf-8", "backslashreplace"),
            content_type=(first(call.headers, b"content-type") or b"").decode("utf-8", "backslashreplace"),
            pool=pool,
            request=body.captured,
            response=Captured(limit=kept),
        )
        relay = Relay(send, exchange, timeout=settings.timeout)
        problem = await self._watched(call, body, exchange, relay, receive)
        if problem is None:
            return
        status, message = problem
        replica = exchange.upstream.address.id if exchange.upstream is not None else "no replica"
        self._log_failure("request %s to %s (%s): %s", identity, exchange.pool.deployment, replica, message)
        # An answer that was started stays unfinished, for which the server closes the connection.
        if not relay.started:
            await _send_error(send, status, message, identity, deployment=exchange.pool.deployment)

    def _log_failure(self, message: str, *values: object) -> None:
        """Log a failed request; one a second is enough to see why, and the counts show how many there are."""
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + 1.0
            _log.warning(message, *values)

    def _kept(self) -> int:
        log = self._settings.log
        return max(log.max_body if log is not None else 0, COMPARED if self._router.shadows else 0)

    async def _received(self, body: Body) -> bytes | None:
        if body.finished:
            return b"" if body.length == 0 else None
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await body.whole()
        except TimeoutError:
            raise body.too_slow() from None

    async def _watched(
        self, call: Call, body: Body, exchange: Exchange, relay: Relay, receive: Receive
    ) -> tuple[int, str] | None:
        """Have the request answered, unless the client leaves; return what went wrong."""
        watch = DisconnectWatch(receive, body)
        try:
            return await self._ask(call, body, exchange, relay)
        except asyncio.CancelledError:
            # A client that leaves a stream may have had all that it needs; one that leaves before has not.
            exchange.excused = relay.started
            task = asyncio.current_task()
            if not watch.disconnected or task is None:
                raise
            task.uncancel()
            return None
        except (ClientDisconnected, Refusal) as error:
            exchange.void = True
            if relay.started:
                return 400, str(error)
            raise
        finally:
            watch.end()
            self._settle(call, exchange)

    async def _ask(self, call: Call, body: Body, exchange: Exchange, relay: Relay) -> tuple[int, str] | None:
        try:
            async with asyncio.timeout(self._settings.timeout) as clock:
                body.clock = clock
                answer = await forward(self._router, call, exchange)
                headers = answer_headers(
                    answer.headers, identity=exchange.request_id, deployment=exchange.pool.deployment
                )
                await relay.relay(answer, headers, clock)
        except UpstreamError as error:
            return error.status, str(error)
        except ProtocolError as error:
            return 502, f"upstream error: the response broke off: {error}"
        except TimeoutError:
            if not body.finished:
                raise body.too_slow() from None
            return 504, f"upstream timeout: no response within {self._settings.timeout:g} s"
        return None

    def _settle(self, call: Call, exchange: Exchange) -> None:
        if exchange.upstream is not None:
            self._router.release(exchange.upstream)
        if exchange.void:
            return
        self._accounting.record(exchange)
        if self._router.shadows:
            self._tee.offer(call, exchange)


async def _send_error(
    send: Send,
    status: int,
    message: str,
    identity: str,
    *,
    deployment: str | None = None,
    close: bool = False,
) -> None:
    headers = [(REQUEST_ID, identity.encode())]
    if deployment is not None:
        headers.append((DEPLOYMENT, deployment.encode("ascii", "replace")))
    value = {"error": message, "request_id": identity}
    await respond_json(send, status, value, headers=headers, close=close)
