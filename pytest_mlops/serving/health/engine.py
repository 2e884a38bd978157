"""Carries out health checks at many endpoints at once, each probe within its time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.records.health import HealthCheck, HealthCheckType, HealthState, HealthStatus
from pytest_mlops.serving.health.command import probe_command, probe_custom
from pytest_mlops.serving.health.network import probe_http, probe_prediction, probe_tcp
from pytest_mlops.serving.health.probe import SHOWN, ProbeFailed
from pytest_mlops.serving.health.state import CheckState, advance
from pytest_mlops.text import list_some, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_mlops.records.health import CheckOutcome
    from pytest_mlops.serving.health.probe import Endpoint, Probe

__all__ = ["LISTENS", "Probed", "check_health", "probe_once", "status_of"]

_PROBES: Mapping[HealthCheckType, Probe] = {
    HealthCheckType.HTTP: probe_http,
    HealthCheckType.TCP: probe_tcp,
    HealthCheckType.COMMAND: probe_command,
    HealthCheckType.CUSTOM: probe_custom,
    HealthCheckType.PREDICTION: probe_prediction,
}


LISTENS = HealthCheck(name="listens", check_type=HealthCheckType.TCP, endpoint="{host}:{port}")
"""What is asked of a service that declares no check: that it listens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """How one probe went."""

    ok: bool
    message: str


async def probe_once(check: HealthCheck, endpoint: Endpoint) -> Probed:
    """Probe once, within the check's timeout whatever the other side does.

    Raises:
        InvalidHealthCheck: the check cannot be carried out as written.
    """
    try:
        async with asyncio.timeout(check.timeout):
            seen = await _PROBES[check.check_type](check, endpoint)
        return Probed(ok=True, message=one_line(seen, SHOWN))
    except TimeoutError:
        return Probed(ok=False, message=f"no response within {check.timeout:g} s")
    except ProbeFailed as error:
        return Probed(ok=False, message=one_line(str(error), SHOWN))
    except InvalidHealthCheck:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever goes wrong in a probe, it is no success
        return Probed(ok=False, message=one_line(f"{type(error).__name__}: {error}", SHOWN))


async def check_health(
    checks: Sequence[HealthCheck],
    endpoints: Sequence[Endpoint],
    *,
    seconds: float,
    since_start: float = 0.0,
    pace: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> HealthStatus:
    """Probe every check at every endpoint until each is decided, at most for some seconds.

    What is not decided by then is not healthy. Of no check and no endpoint nothing is known.

    Args:
        checks: The checks.
        endpoints: Where; for checks of the environment itself one without an address.
        seconds: Deadline of the whole verdict.
        since_start: Seconds that the service has run for.
        pace: Most seconds from one probe to the next, where a check's interval is longer.
        clock: Seconds, from anywhere.

    Raises:
        InvalidHealthCheck: a check cannot be carried out as written.
    """
    pairs = [(check, endpoint) for check in checks for endpoint in endpoints]
    started = clock()
    tasks = [
        asyncio.create_task(
            _decide(
                check,
                endpoint,
                left=lambda: started + seconds - clock(),
                age=lambda: since_start + clock() - started,
                pace=check.interval if pace is None else min(pace, check.interval),
            )
        )
        for check, endpoint in pairs
    ]
    try:
        states = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return status_of(
        [
            state.outcome(f"{check.name} at {endpoint.name}" if endpoint.name else check.name)
            for (check, endpoint), state in zip(pairs, states, strict=True)
        ]
    )


async def _decide(
    check: HealthCheck,
    endpoint: Endpoint,
    *,
    left: Callable[[], float],
    age: Callable[[], float],
    pace: float,
) -> CheckState:
    state = CheckState()
    while left() > 0:
        try:
            async with asyncio.timeout(max(left(), 0.0)):
                probed = await probe_once(check, endpoint)
        except TimeoutError:
            state = replace(state, message=f"no response before the deadline; the last one: {state.message}")
            break
        state = advance(state, check, ok=probed.ok, message=probed.message, since_start=age())
        if state.is_decided:
            break
        await asyncio.sleep(max(0.0, min(pace, left())))
    return state


def status_of(outcomes: Sequence[CheckOutcome]) -> HealthStatus:
    """Return the status of several checks together: the worst of them; of none, unknown."""
    if not outcomes:
        return HealthStatus(
            is_healthy=False, state=HealthState.UNKNOWN, message="nothing was probed, so nothing is known"
        )
    bad = [outcome for outcome in outcomes if outcome.state is not HealthState.HEALTHY]
    if not bad:
        return HealthStatus(
            is_healthy=True,
            state=HealthState.HEALTHY,
            message=f"all {len(outcomes)} checks are healthy",
            checks=tuple(outcomes),
        )
    order = (HealthState.UNHEALTHY, HealthState.UNKNOWN, HealthState.STARTING)
    shown = [f"{outcome.name} is {outcome.state}: {outcome.message}" for outcome in bad]
    return HealthStatus(
        is_healthy=False,
        state=next(state for state in order if any(outcome.state is state for outcome in bad)),
        message=list_some(shown, separator="; "),
        checks=tuple(outcomes),
    )
