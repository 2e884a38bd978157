"""Forwarding of a request to a deployment's replicas, one after another where that is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.serving.gateway.upstream import UpstreamError

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.connection import ReplicaAnswer
    from pytest_mlops.serving.gateway.exchange import Exchange
    from pytest_mlops.serving.gateway.router import Router
    from pytest_mlops.serving.gateway.upstream import Call, Upstream

__all__ = ["forward"]

_ATTEMPTS = 4


async def forward(router: Router, call: Call, exchange: Exchange) -> ReplicaAnswer:
    """Return the answer of a replica, with its body still to come.

    A kept connection that a replica closes just then is no fault of the request, which goes to the same
    replica once more. Where that does not answer either, it may be this request that ends replicas, and no
    other one gets it.

    The exchange names the replica, which has one more request under way until the caller releases it. Where
    nothing could be sent and the deployment is in the table no more, one that is in it is asked.

    Raises:
        UpstreamError: no replica gave one.
    """
    tried: list[Upstream] = []
    again: Upstream | None = None
    failure = UpstreamError("no replica is ready", status=503)
    for _ in range(_ATTEMPTS):
        upstream = again or exchange.pool.next(tried)
        if upstream is None:
            break
        _move(router, exchange, upstream)
        try:
            return await upstream.ask(call)
        except UpstreamError as error:
            if again is not None or not (error.unsent or error.stale):
                raise
            failure = error
            if error.stale:
                again = upstream
                continue
            tried.append(upstream)
            if not exchange.shadow:
                exchange.pool = router.current(exchange.pool) or router.choose() or exchange.pool
    raise failure


def _move(router: Router, exchange: Exchange, upstream: Upstream) -> None:
    upstream.in_flight += 1
    if exchange.upstream is not None:
        router.release(exchange.upstream)
    exchange.upstream = upstream
