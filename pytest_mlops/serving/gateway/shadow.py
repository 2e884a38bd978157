"""Copies of requests to deployments whose answers no client sees; clients never wait for them."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pytest_mlops.errors import SerializationError
from pytest_mlops.serving.gateway.connection import ProtocolError
from pytest_mlops.serving.gateway.exchange import Captured, Exchange
from pytest_mlops.serving.gateway.forward import forward
from pytest_mlops.serving.gateway.headers import SHADOW
from pytest_mlops.serving.gateway.upstream import Call, UpstreamError
from pytest_mlops.strict_json import differences, parse_json

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.accounting import Accounting
    from pytest_mlops.serving.gateway.router import ReplicaPool, Router

__all__ = ["COMPARED", "ShadowTee", "same_answer"]

COMPARED = 1024 * 1024
"""Bytes of a body up to which a request is copied and an answer compared."""

_AT_A_TIME = 64
_log = logging.getLogger(__name__)


class ShadowTee:
    """Sends copies, once the client has its answer; at most 64 at a time, beyond which they are dropped.

    Args:
        router: Decides which deployments get copies.
        accounting: Get every copy when it is over.
        timeout: Seconds for one answer.
    """

    def __init__(self, *, router: Router, accounting: Accounting, timeout: float) -> None:
        self._router = router
        self._accounting = accounting
        self._timeout = timeout
        self._tasks: set[asyncio.Task[None]] = set()
        self._comparing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shadow-compare")

    def offer(self, call: Call, exchange: Exchange) -> None:
        """Copy a request to the deployments that are to have it."""
        body = exchange.request.whole()
        for pool in self._router.copies(exchange.request_id):
            if body is None or len(self._tasks) >= _AT_A_TIME:
                self._accounting.tally.copies_dropped += 1
                continue
            task = asyncio.get_running_loop().create_task(self._copy(call, body, exchange, pool))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(self, original: Call, body: bytes, answered: Exchange, pool: ReplicaPool) -> None:
        call = Call(
            method=original.method,
            target=original.target,
            headers=[*original.headers, (SHADOW, b"true")],
            body=None if original.body is None and original.stream is None else body,
        )
        copy = Exchange(
            request_id=answered.request_id,
            method=answered.method,
            target=answered.target,
            content_type=answered.content_type,
            pool=pool,
            request=answered.request,
            response=Captured(limit=COMPARED),
            shadow=True,
        )
        try:
            await self._ask(call, copy)
        finally:
            if copy.upstream is not None:
                self._router.release(copy.upstream)
            self._accounting.record(copy)
        if copy.whole and answered.whole and await self._differs(answered, copy):
            self._accounting.tally.of(pool.deployment, pool.version).differences += 1

    async def _ask(self, call: Call, copy: Exchange) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await forward(self._router, call, copy)
                try:
                    while data := await answer.read_some():
                        copy.response.add(data)
                    copy.status, copy.whole = answer.status, True
                finally:
                    answer.close()
        except (UpstreamError, ProtocolError, TimeoutError) as error:
            _log.info("copy of %s to %s: %s", copy.request_id, copy.pool.deployment, error)

    async def _differs(self, answered: Exchange, copy: Exchange) -> bool:
        if answered.status != copy.status:
            return True
        ours, theirs = answered.response.whole(), copy.response.whole()
        # What is too long to be compared was not shown to be the same.
        if ours is None or theirs is None:
            return True
        if ours == theirs:
            return False
        same = asyncio.get_running_loop().run_in_executor(self._comparing, same_answer, ours, theirs)
        return not await same

    async def close(self) -> None:
        """End the copies under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._comparing.shutdown()


def same_answer(first: bytes, second: bytes) -> bool:
    """Return whether two bodies are the same bytes, or the same JSON value."""
    if first == second:
        return True
    try:
        return not differences(parse_json(first), parse_json(second))
    except SerializationError:
        return False
