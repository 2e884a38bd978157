"""Many checks at many endpoints: one deadline, all at once, and nothing undecided is healthy."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from pytest_mlops.records.health import CheckOutcome, HealthCheckType, HealthState
from pytest_mlops.serving.health import engine
from pytest_mlops.serving.health.engine import LISTENS, check_health, probe_once, status_of
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.probe import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_mlops.records.health import HealthCheck, HealthStatus
    from tests.serving.health.conftest import Farm

HEALTHY, UNHEALTHY = HealthState.HEALTHY, HealthState.UNHEALTHY
STARTING, UNKNOWN = HealthState.STARTING, HealthState.UNKNOWN

NOWHERE = Endpoint()


def check_all(
    checks: Sequence[HealthCheck],
    endpoints: Sequence[Endpoint],
    *,
    seconds: float = 30.0,
    pace: float | None = None,
) -> HealthStatus:
    return run_probes(check_health(checks, endpoints, seconds=seconds, pace=pace))


def outcome(name: str, state: HealthState) -> CheckOutcome:
    return CheckOutcome(name=name, state=state, message=f"as {name} says")


@pytest.mark.parametrize("nothing", ["checks", "endpoints", "both"])
def test_nothing_probed_is_unknown(nothing: str, make_check: Callable[..., HealthCheck]) -> None:
    checks = [] if nothing in {"checks", "both"} else [make_check("tcp")]
    endpoints = [] if nothing in {"endpoints", "both"} else [Endpoint(host="127.0.0.1", port=1)]
    status = check_all(checks, endpoints)
    assert (status.is_healthy, status.state) == (False, UNKNOWN)
    assert status.checks == ()


def test_no_time_is_no_health(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    status = check_all([make_check("tcp")], [farm.http(200).endpoint], seconds=0)
    assert (status.is_healthy, status.state) == (False, UNKNOWN)
    assert status.checks[0].probes == 0


def test_deadline_cuts_a_probe_that_has_time_left(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    started_at = time.monotonic()
    status = check_all([make_check("http", timeout=600.0)], [farm.hang().endpoint], seconds=0.3)
    assert time.monotonic() - started_at < 60
    assert (status.is_healthy, status.state) == (False, UNKNOWN)
    assert "no response before the deadline" in status.message


def test_probe_that_the_deadline_cuts_counts_for_nothing(
    farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    status = check_all(
        [make_check("http", timeout=0.2, failure_threshold=9)], [farm.hang().endpoint], seconds=0.7
    )
    assert status.state is UNKNOWN
    assert status.checks[0].successes == 0
    assert 1 <= status.checks[0].probes <= 3


def test_one_endpoint_that_is_unhealthy_is_named(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    well, ill = farm.http(200), farm.http(500)
    status = check_all([make_check("http", name="answers")], [well.endpoint, ill.endpoint])
    assert status.state is UNHEALTHY
    assert [check.state for check in status.checks] == [HEALTHY, UNHEALTHY]
    assert f"answers at 127.0.0.1:{ill.port} is unhealthy" in status.message
    assert str(well.port) not in status.message


def test_every_check_is_asked_of_every_endpoint(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    checks = [make_check("tcp", name="a"), make_check("http", name="b")]
    status = check_all(checks, [farm.http(200).endpoint, farm.http(404).endpoint])
    assert [check.state for check in status.checks] == [HEALTHY, HEALTHY, HEALTHY, UNHEALTHY]
    assert [check.name[:1] for check in status.checks] == ["a", "a", "b", "b"]


def test_success_threshold_takes_that_many_probes(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    service = farm.http(200)
    status = check_all([make_check("http", success_threshold=4)], [service.endpoint])
    assert (status.checks[0].successes, status.checks[0].probes) == (4, 4)
    assert len(service.requests) == 4


def test_start_period_runs_from_the_start_of_the_service(
    farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    check, where = make_check("tcp", start_period=5.0), farm.refuse().endpoint
    young = run_probes(check_health([check], [where], seconds=0.3, since_start=0.0))
    old = run_probes(check_health([check], [where], seconds=0.3, since_start=5.0))
    assert (young.state, old.state) == (STARTING, UNHEALTHY)


def test_pace_shortens_an_interval_and_never_lengthens_it(
    farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    slow = make_check("http", interval=600.0, success_threshold=3)
    quick = make_check("http", interval=0.01, success_threshold=3)
    assert check_all([slow], [farm.http(200).endpoint], pace=0.05).is_healthy
    assert check_all([quick], [farm.http(200).endpoint], pace=600.0).is_healthy


def test_whatever_a_probe_raises_is_no_success(
    make_check: Callable[..., HealthCheck], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> str:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(engine, "_PROBES", {HealthCheckType.TCP: fails})
    status = check_all([make_check("tcp")], [NOWHERE])
    assert status.state is UNHEALTHY
    assert status.checks[0].message == "ZeroDivisionError: by nothing"


def test_service_without_a_check_has_to_listen(farm: Farm) -> None:
    assert check_all([LISTENS], [farm.http(500).endpoint]).is_healthy
    assert not check_all([LISTENS], [farm.refuse().endpoint], pace=0.01).is_healthy


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ((HEALTHY, HEALTHY), HEALTHY),
        ((HEALTHY, STARTING), STARTING),
        ((STARTING, UNKNOWN), UNKNOWN),
        ((UNKNOWN, UNHEALTHY), UNHEALTHY),
        ((HEALTHY, UNKNOWN), UNKNOWN),
        ((), UNKNOWN),
    ],
)
def test_worst_check_is_the_state_of_all(states: tuple[HealthState, ...], together: HealthState) -> None:
    status = status_of([outcome(f"c{index}", state) for index, state in enumerate(states)])
    assert status.state is together
    assert status.is_healthy is (together is HEALTHY)


def test_message_names_the_first_and_counts_the_rest() -> None:
    status = status_of([outcome(f"c{index}", UNHEALTHY) for index in range(10)])
    assert status.message.count("is unhealthy") == 3
    assert status.message.endswith(" and 7 more")


def test_500_endpoints_are_probed_at_once(
    make_check: Callable[..., HealthCheck], monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, all_are = 0, asyncio.Event()

    async def waits_for_the_others(*_: object) -> str:
        nonlocal under_way
        under_way += 1
        if under_way == 500:
            all_are.set()
        await all_are.wait()
        return "all are under way"

    monkeypatch.setattr(engine, "_PROBES", {HealthCheckType.TCP: waits_for_the_others})
    endpoints = [Endpoint(host="127.0.0.1", port=port) for port in range(1, 501)]
    status = check_all([make_check("tcp", timeout=60.0, failure_threshold=1)], endpoints, seconds=60)
    assert status.is_healthy, status.message


def test_each_of_many_endpoints_has_its_own_state(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    services = [farm.http(200), farm.http(503), farm.hang(), farm.endless(), farm.refuse(), farm.hang()]
    endpoints = [services[index % len(services)].endpoint for index in range(60)]
    check = make_check("http", timeout=3.0, failure_threshold=1)
    status = check_all([check], endpoints, seconds=60)
    states = [each.state is HEALTHY for each in status.checks]
    assert states == [index % len(services) in {0, 3} for index in range(60)]


def test_hundreds_of_probes_leave_no_descriptor_task_or_process(
    farm: Farm, make_check: Callable[..., HealthCheck], self_signed: object
) -> None:
    service, process = farm.http(200, 500, body=b'{"y": 0.5}'), psutil.Process()
    others = process.children()
    where = {
        "well": service.endpoint,
        "hangs": farm.hang().endpoint,
        "endless": farm.endless().endpoint,
        "refuses": farm.refuse().endpoint,
        "tls": farm.http(200, tls=self_signed).endpoint,
    }
    checks = [
        make_check("http", timeout=0.2),
        make_check("http", timeout=0.2, endpoint="https://{host}:{port}/"),
        make_check("prediction", timeout=0.2),
        make_check("tcp", timeout=0.2),
    ]
    programs = [
        make_check("command", command=(name, "1"), timeout=0.2) for name in ("true", "false", "sleep")
    ]

    async def rounds(count: int) -> int:
        for _ in range(count):
            probes = [probe_once(check, each) for check in checks for each in where.values()]
            probes += [probe_once(check, NOWHERE) for check in programs]
            await asyncio.gather(*probes)
        return len(asyncio.all_tasks())

    assert run_probes(rounds(1)) == 1
    settle(farm)
    before = process.num_fds()
    assert run_probes(rounds(12)) == 1
    settle(farm)
    assert process.num_fds() <= before
    assert process.children() == others


def settle(farm: Farm) -> None:
    """Wait until the services have seen that no client reads any more."""
    until = time.monotonic() + 60
    while farm.busy and time.monotonic() < until:
        time.sleep(0.02)
    gc.collect()
