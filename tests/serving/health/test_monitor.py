"""The watch: soon at first, at the interval afterwards, and one that ended says nothing good."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from pytest_mlops.records.health import HealthState
from pytest_mlops.serving.health.monitor import HealthMonitor
from pytest_mlops.serving.health.probe import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_mlops.records.health import HealthCheck
    from tests.serving.health.conftest import Farm

HEALTHY, UNHEALTHY = HealthState.HEALTHY, HealthState.UNHEALTHY
STARTING, UNKNOWN = HealthState.STARTING, HealthState.UNKNOWN


@pytest.fixture
def monitor() -> Iterator[HealthMonitor]:
    with HealthMonitor() as opened:
        yield opened


def until(monitor: HealthMonitor, key: str, state: HealthState, seconds: float = 60.0) -> str:
    """Wait for a state; return its message."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen, message = monitor.state(key)
        if seen is state:
            return message
        time.sleep(0.01)
    raise AssertionError(f"{key} is {monitor.state(key)}, not {state}")


def test_what_is_not_watched_is_unknown(monitor: HealthMonitor) -> None:
    assert monitor.state("r") == (UNKNOWN, "not watched")


def test_what_was_not_probed_yet_is_unknown(
    monitor: HealthMonitor, farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    monitor.watch("r", farm.hang().endpoint, [make_check("http")])
    assert monitor.state("r")[0] is UNKNOWN


def test_service_that_starts_is_noticed_long_before_its_interval(
    monitor: HealthMonitor, farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    service = farm.http(200, after=0.6)
    check = make_check("http", interval=3600.0, start_period=300.0, success_threshold=3)
    monitor.watch("r", service.endpoint, [check])
    until(monitor, "r", STARTING)
    assert "answered 200" in until(monitor, "r", HEALTHY)


def test_once_healthy_it_is_probed_at_the_interval(
    monitor: HealthMonitor, farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    service = farm.http(200)
    monitor.watch("r", service.endpoint, [make_check("http", interval=30.0)])
    until(monitor, "r", HEALTHY)
    time.sleep(0.5)
    assert len(service.requests) == 1


def test_service_that_never_starts_is_probed_less_and_less() -> None:
    monitor = HealthMonitor()
    from pytest_mlops.serving.health.engine import LISTENS

    pauses = [monitor._pause(LISTENS, age) for age in (0.0, 0.5, 5.0, 50.0, 500.0)]
    assert pauses == pytest.approx([0.1, 0.1, 0.5, 5.0, LISTENS.interval])
    assert all(9.0 <= monitor._pause(LISTENS, None) <= 11.0 for _ in range(100))
    monitor._loop.close()


def test_failure_of_a_service_is_noticed_and_its_recovery_too(
    monitor: HealthMonitor, farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    service = farm.http(*[200] * 3, *[500] * 8, *[200] * 1000)
    monitor.watch("r", service.endpoint, [make_check("http", failure_threshold=3)])
    until(monitor, "r", HEALTHY)
    assert "answered 500" in until(monitor, "r", UNHEALTHY)
    until(monitor, "r", HEALTHY)


def test_worst_check_is_the_state_of_all(
    monitor: HealthMonitor, farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    checks = [make_check("tcp", name="a"), make_check("http", name="b")]
    monitor.watch("r", farm.http(500).endpoint, checks)
    assert "answered 500" in until(monitor, "r", UNHEALTHY)


def test_without_a_check_it_has_to_listen(monitor: HealthMonitor, farm: Farm) -> None:
    monitor.watch("well", farm.http(500).endpoint, [])
    monitor.watch("ill", farm.refuse().endpoint, [])
    assert "accepts connections" in until(monitor, "well", HEALTHY)
    assert "accepts no connection" in until(monitor, "ill", UNHEALTHY)


def test_check_that_cannot_be_carried_out_is_unhealthy_with_the_reason(
    monitor: HealthMonitor, make_check: Callable[..., HealthCheck]
) -> None:
    monitor.watch("r", Endpoint(host="127.0.0.1", port=1), [make_check("custom", endpoint="nothing")])
    assert "expected module:function" in until(monitor, "r", UNHEALTHY)


def test_forgotten_endpoint_is_unknown_and_probed_no_more(
    monitor: HealthMonitor, farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    service = farm.http(200)
    monitor.watch("r", service.endpoint, [make_check("http")])
    until(monitor, "r", HEALTHY)
    monitor.forget("r")
    monitor.forget("r")
    assert monitor.state("r") == (UNKNOWN, "not watched")
    time.sleep(0.1)
    seen = len(service.requests)
    time.sleep(0.2)
    assert len(service.requests) == seen


def test_new_endpoint_under_a_key_starts_from_unknown(
    monitor: HealthMonitor, farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    monitor.watch("r", farm.http(200).endpoint, [make_check("http")])
    until(monitor, "r", HEALTHY)
    monitor.watch("r", farm.hang().endpoint, [make_check("http")])
    assert monitor.state("r")[0] is UNKNOWN


def test_endpoint_whose_probes_have_ended_is_not_healthy(
    monitor: HealthMonitor, farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    monitor.watch("r", farm.http(200).endpoint, [make_check("http")])
    until(monitor, "r", HEALTHY)
    (task,) = monitor._watched["r"].tasks
    monitor._loop.call_soon_threadsafe(task.cancel)
    assert "nothing is known any more" in until(monitor, "r", UNHEALTHY)


def test_end_of_the_monitor_leaks_nothing(farm: Farm, make_check: Callable[..., HealthCheck]) -> None:
    process = psutil.Process()
    others = process.children()
    where = [farm.http(200).endpoint, farm.hang().endpoint, farm.endless().endpoint]
    threads, before = threading.active_count(), process.num_fds()
    with HealthMonitor() as monitor:
        for index in range(30):
            checks = [make_check("http", timeout=0.3), make_check("command", command=("sleep", "30"))]
            monitor.watch(str(index), where[index % 3], checks)
        time.sleep(0.5)
        assert process.children() != others
        for index in range(0, 30, 2):
            monitor.forget(str(index))
    assert process.children() == others
    until_done = time.monotonic() + 60
    while process.num_fds() > before and time.monotonic() < until_done:
        time.sleep(0.02)
    assert process.num_fds() <= before
    assert threading.active_count() <= threads


def test_watching_from_many_threads_is_one_watch_for_each_key(
    monitor: HealthMonitor, farm: Farm, make_check: Callable[..., HealthCheck]
) -> None:
    service = farm.http(200)
    keys = [str(index % 5) for index in range(40)]
    threads = [
        threading.Thread(target=monitor.watch, args=(key, service.endpoint, [make_check("http")]))
        for key in keys
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in set(keys):
        until(monitor, key, HEALTHY)
    probes = asyncio.run_coroutine_threadsafe(_count(), monitor._loop).result()
    assert probes == len(set(keys))


async def _count() -> int:
    return sum(task.get_coro().__qualname__.endswith("_probe_on") for task in asyncio.all_tasks())  # type: ignore[union-attr]
