"""Watches the health of many endpoints from one thread, for as long as they are there."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.records.health import HealthState
from pytest_mlops.serving.health.engine import LISTENS, probe_once
from pytest_mlops.serving.health.lookups import ProbeLoop
from pytest_mlops.serving.health.state import CheckState, advance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.probe import Endpoint

__all__ = ["HealthMonitor"]

_FIRST_PACE = 0.1
_FIRST_SHARE = 0.1
_JITTER = 0.1


@dataclass(kw_only=True)
class _Watched:
    states: list[CheckState]
    tasks: list[asyncio.Task[None]]


class HealthMonitor:
    """Probes endpoints at the intervals of their checks; use it in ``with``.

    Until an endpoint is healthy for the first time, the pause between probes is a tenth of the time that it
    was watched for, at least 0.1 s, so that a service that starts is noticed soon. Intervals are drawn by up
    to 10 % shorter or longer, so that probes do not come in waves.
    """

    def __init__(self) -> None:
        self._loop = ProbeLoop()
        self._watched: dict[str, _Watched] = {}
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)
        self._random = random.Random(0)  # noqa: S311 -- jitter

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def watch(self, key: str, endpoint: Endpoint, checks: Sequence[HealthCheck]) -> None:
        """Begin to watch an endpoint; one that is watched under this key is watched no more."""
        chosen = tuple(checks) or (LISTENS,)
        asyncio.run_coroutine_threadsafe(self._add(key, endpoint, chosen), self._loop).result()

    def forget(self, key: str) -> None:
        """Watch an endpoint no more."""
        asyncio.run_coroutine_threadsafe(self._remove(key), self._loop).result()

    def state(self, key: str) -> tuple[HealthState, str]:
        """Return what is known of an endpoint, and the message of its worst check, without waiting."""
        watched = self._watched.get(key)
        if watched is None:
            return HealthState.UNKNOWN, "not watched"
        if any(task.done() for task in watched.tasks):
            return HealthState.UNHEALTHY, "its probes have ended, so nothing is known any more"
        for state in (HealthState.UNHEALTHY, HealthState.UNKNOWN, HealthState.STARTING):
            for each in watched.states:
                if each.state is state:
                    return state, each.message
        return HealthState.HEALTHY, watched.states[0].message

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _add(self, key: str, endpoint: Endpoint, checks: tuple[HealthCheck, ...]) -> None:
        watched = _Watched(states=[CheckState() for _ in checks], tasks=[])
        watched.tasks = [
            asyncio.create_task(self._probe_on(watched, index, check, endpoint))
            for index, check in enumerate(checks)
        ]
        before = self._watched.get(key)
        self._watched[key] = watched  # at once, or another thread's watch of the key would get between
        await _end(before)

    async def _remove(self, key: str) -> None:
        await _end(self._watched.pop(key, None))

    async def _close(self) -> None:
        for key in list(self._watched):
            await self._remove(key)

    async def _probe_on(
        self,
        watched: _Watched,
        index: int,
        check: HealthCheck,
        endpoint: Endpoint,
    ) -> None:
        started = time.monotonic()
        settled = False
        while True:
            try:
                probed = await probe_once(check, endpoint)
                ok, message = probed.ok, probed.message
            except InvalidHealthCheck as error:
                ok, message = False, str(error)
            watched.states[index] = advance(
                watched.states[index],
                check,
                ok=ok,
                message=message,
                since_start=time.monotonic() - started,
            )
            settled = settled or watched.states[index].state is HealthState.HEALTHY
            await asyncio.sleep(self._pause(check, None if settled else time.monotonic() - started))

    def _pause(self, check: HealthCheck, age: float | None) -> float:
        if age is not None:
            return min(max(_FIRST_PACE, _FIRST_SHARE * age), check.interval)
        return check.interval * self._random.uniform(1 - _JITTER, 1 + _JITTER)


async def _end(watched: _Watched | None) -> None:
    tasks = [] if watched is None else watched.tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
