"""The public side: takes a request, has a replica answer it, and hands the answer on as it comes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from pytest_mlops.deploy.gateway.exchange import Captured, Exchange
from pytest_mlops.deploy.gateway.forward import ask
from pytest_mlops.deploy.gateway.headers import (
    DEPLOYMENT_HEADER,
    REQUEST_ID_HEADER,
    answer_headers,
    request_headers,
    request_id,
)
from pytest_mlops.deploy.gateway.incoming import Body, Refusal, target_of
from pytest_mlops.deploy.gateway.relay import Relay
from pytest_mlops.deploy.gateway.shadow import COMPARED
from pytest_mlops.deploy.gateway.upstream import Call, NoAnswer

if TYPE_CHECKING:
    from pytest_mlops.deploy.gateway.pages import Pages
    from pytest_mlops.deploy.gateway.router import Router
    from pytest_mlops.deploy.gateway.shadow import ShadowTee
    from pytest_mlops.deploy.gateway.sinks import Sinks
    from pytest_mlops.records.serving import GatewaySettings

__all__ = ["Proxy"]

_log = logging.getLogger(__name__)


class Proxy:
    """Answers the requests of clients.

    Args:
        router: Says where each goes.
        settings: Timeout and sizes.
        sinks: Get every exchange when it is over.
        tee: Sends copies.
        pages: What the gateway answers itself.
    """

    def __init__(
        self, *, router: Router, settings: GatewaySettings, sinks: Sinks, tee: ShadowTee, pages: Pages
    ) -> None:
        self._router = router
        self._settings = settings
        self._sinks = sinks
        self._tee = tee
        self._pages = pages

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer to a request; what goes wrong is an answer too."""
        identity = request_id(request.headers)
        try:
            return await self._answer(request, identity)
        except Refusal as refusal:
            self._sinks.counts.refuse(refusal.reason)
            return _sentence(refusal.status, str(refusal), identity, close=True)
        except ConnectionError:
            raise
        except Exception:
            # Nothing of one request may end the process that all of them go through.
            _log.exception("request %s failed inside the gateway", identity)
            self._sinks.counts.refuse("internal")
            return _sentence(500, "the gateway failed; its log says why", identity, close=True)

    async def _answer(self, request: web.BaseRequest, identity: str) -> web.StreamResponse:
        target = target_of(request)
        if (page := self._pages.find(request.method, target)) is not None:
            return page()
        settings = self._settings
        kept = self._kept()
        body = Body(request, limit=settings.max_body, timeout=settings.timeout, captured=Captured(limit=kept))
        data = await body.receive()
        arm = self._router.choose()
        if arm is None:
            raise Refusal("no version is ready to answer", status=503, reason="no_replica")
        call = Call(
            method=request.method, target=target, headers=request_headers(request, identity), body=data
        )
        if not body.finished:
            call.body = lambda: body.stream(call)
            if body.length is not None:
                call.headers["Content-Length"] = str(body.length)
        exchange = Exchange(
            request_id=identity,
            method=request.method,
            target=target,
            content_type=request.headers.get("Content-Type", ""),
            arm=arm,
            request=body.captured,
            response=Captured(limit=kept),
        )
        try:
            return await self._ask(request, call, body, exchange)
        finally:
            self._settle(call, exchange)

    def _kept(self) -> int:
        log = self._settings.log
        return max(log.max_body if log is not None else 0, COMPARED if self._router.shadows else 0)

    async def _ask(
        self, request: web.BaseRequest, call: Call, body: Body, exchange: Exchange
    ) -> web.StreamResponse:
        relay = Relay(request, exchange, timeout=self._settings.timeout)
        try:
            async with asyncio.timeout(self._settings.timeout) as clock:
                body.clock = clock
                answer = await ask(self._router, call, exchange)
                headers = answer_headers(
                    answer.headers, identity=exchange.request_id, deployment=exchange.arm.deployment
                )
                return await relay.hand_on(answer, headers, clock)
        except NoAnswer as error:
            problem, status = str(error), error.status
        except TimeoutError:
            problem, status = f"no answer within {self._settings.timeout:g} s", 504
            if not body.finished:
                raise body.refusal_of_time() from None
        except asyncio.CancelledError:
            # A client that leaves a stream may have had all it wanted; one that leaves before has not.
            exchange.excused = relay.started is not None
            raise
        except (aiohttp.ClientError, ConnectionError) as error:
            if relay.client_left:
                exchange.excused = True
                raise
            problem, status = f"the answer broke off: {error}", 502
        if body.too_large:
            raise body.refusal_of_size()
        if relay.started is not None:
            return relay.break_off()
        _log.warning("%s of %s: %s", exchange.request_id, _name(exchange), problem)
        return _sentence(status, problem, exchange.request_id, deployment=exchange.arm.deployment)

    def _settle(self, call: Call, exchange: Exchange) -> None:
        if exchange.upstream is not None:
            self._router.release(exchange.upstream)
        self._sinks.take(exchange)
        if self._router.shadows:
            self._tee.offer(call, exchange)


def _name(exchange: Exchange) -> str:
    return exchange.upstream.address.id if exchange.upstream is not None else exchange.arm.deployment


def _sentence(
    status: int, sentence: str, identity: str, *, deployment: str | None = None, close: bool = False
) -> web.Response:
    response = web.json_response({"error": sentence, "request_id": identity}, status=status)
    response.headers[REQUEST_ID_HEADER] = identity
    if deployment is not None:
        response.headers[DEPLOYMENT_HEADER] = deployment
    if close:
        response.force_close()
    return response
