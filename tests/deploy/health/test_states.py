"""What a row of probes comes to, and what several checks say together."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.deploy.health.endpoint import NOWHERE, Endpoint
from pytest_mlops.deploy.health.engine import LISTENS, check_health, status_of
from pytest_mlops.deploy.health.environment import check_environment
from pytest_mlops.deploy.health.monitor import HealthMonitor
from pytest_mlops.deploy.health.rate import health_rate
from pytest_mlops.deploy.health.state import CheckState, advance
from pytest_mlops.deploy.json_compare import differences, parse_strict
from pytest_mlops.errors import EnvironmentUnhealthy, InvalidHealthCheck, SerializationError
from pytest_mlops.records.environment import DeploymentEnvironment, ResourceConfig
from pytest_mlops.records.health import CheckOutcome, HealthCheck, HealthCheckType, HealthState
from tests.deploy.health.conftest import answering, http_answer, served

if TYPE_CHECKING:
    from pathlib import Path


def check(**changes: object) -> HealthCheck:
    fields = {"name": "it", "check_type": "tcp", "endpoint": "{host}:{port}", "interval": 0.05}
    return HealthCheck.model_validate({**fields, **changes})


def after(results: list[bool], made: HealthCheck, *, age: float = 100.0) -> CheckState:
    state = CheckState()
    for ok in results:
        state = advance(state, made, ok=ok, message="seen", since_start=age)
    return state


def test_before_a_probe_nothing_is_known() -> None:
    assert CheckState().state is HealthState.UNKNOWN
    assert not CheckState().is_decided


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_only_a_row_of_results_decides(results: list[bool], good: int, bad: int) -> None:
    state = after(results, check(success_threshold=good, failure_threshold=bad))
    if state.state is HealthState.HEALTHY:
        assert any(results[i : i + good] == [True] * good for i in range(len(results)))
    if results[-good:] == [True] * good and len(results) >= good:
        assert state.state is HealthState.HEALTHY
    if results[-bad:] == [False] * bad and len(results) >= bad:
        assert state.state is HealthState.UNHEALTHY
    if not any(results):
        assert state.state is not HealthState.HEALTHY


@given(st.lists(st.just(False), max_size=30))
def test_in_the_start_period_failures_do_not_count(results: list[bool]) -> None:
    state = after(results, check(start_period=10.0), age=5.0)
    assert state.state is (HealthState.STARTING if results else HealthState.UNKNOWN)


def test_the_first_success_ends_the_start_period() -> None:
    made = check(start_period=10.0, failure_threshold=2)
    assert after([False, True, False, False], made, age=1.0).state is HealthState.UNHEALTHY


def test_only_probes_from_the_first_success_on_make_the_rate() -> None:
    outcome = after([False, False, True, False, True], check()).outcome("it")
    assert (outcome.successes, outcome.probes) == (2, 3)
    never = after([False, False], check()).outcome("it")
    assert (never.successes, never.probes) == (0, 2)


def outcome(state: HealthState, name: str = "it") -> CheckOutcome:
    return CheckOutcome(name=name, state=state, message="seen")


def test_of_no_check_nothing_is_known() -> None:
    status = status_of([])
    assert (status.is_healthy, status.state) == (False, HealthState.UNKNOWN)


@given(st.lists(st.sampled_from(HealthState), min_size=1, max_size=8))
def test_all_have_to_be_healthy(states: list[HealthState]) -> None:
    status = status_of([outcome(state) for state in states])
    assert status.is_healthy is (set(states) == {HealthState.HEALTHY})
    if HealthState.UNHEALTHY in states:
        assert status.state is HealthState.UNHEALTHY


def test_what_is_not_decided_in_time_is_not_healthy() -> None:
    bad = http_answer("500 Broken")
    made = check(check_type="http", endpoint="{url}/", failure_threshold=1000)

    async def run() -> object:
        async with served(answering(bad)) as endpoint:
            return await check_health([made], [endpoint], seconds=0.3)

    status = asyncio.run(run())
    assert status.is_healthy is False  # type: ignore[attr-defined]
    assert "answered 500" in status.message  # type: ignore[attr-defined]


def test_a_mistake_in_one_check_is_told_and_the_others_are_ended() -> None:
    async def run() -> None:
        begun = time.monotonic()
        wrong = check(name="wrong", endpoint="nowhere")
        slow = check(name="slow", check_type="http", endpoint="http://127.0.0.1:9/", timeout=60.0)
        with pytest.raises(InvalidHealthCheck, match="wrong"):
            await check_health([slow, wrong], [NOWHERE], seconds=60.0)
        assert time.monotonic() - begun < 10

    asyncio.run(run())


def test_the_monitor_sees_a_service_come_go_and_be_forgotten() -> None:
    made = check(interval=0.05, failure_threshold=2)

    async def run(monitor: HealthMonitor) -> None:
        async with served(answering(b"hello")) as endpoint:
            monitor.watch("one", endpoint, [made])
            await until(monitor, "one", HealthState.HEALTHY)
        await until(monitor, "one", HealthState.UNHEALTHY)
        monitor.forget("one")
        assert monitor.state("one")[0] is HealthState.UNKNOWN

    with HealthMonitor() as monitor:
        asyncio.run(run(monitor))


async def until(monitor: HealthMonitor, key: str, state: HealthState) -> None:
    deadline = time.monotonic() + 10
    while monitor.state(key)[0] is not state:
        assert time.monotonic() < deadline, monitor.state(key)
        await asyncio.sleep(0.02)


def test_the_monitor_asks_of_a_service_without_checks_that_it_listens(refused: Endpoint) -> None:
    with HealthMonitor() as monitor:
        monitor.watch("one", refused, [])
        asyncio.run(until(monitor, "one", HealthState.UNHEALTHY))
        assert "takes no connection" in monitor.state("one")[1]
    assert LISTENS.check_type is HealthCheckType.TCP


def test_a_mistake_in_a_check_is_no_health_to_the_monitor(refused: Endpoint) -> None:
    with HealthMonitor() as monitor:
        monitor.watch("one", refused, [check(endpoint="nowhere", failure_threshold=1)])
        asyncio.run(until(monitor, "one", HealthState.UNHEALTHY))
        assert "expected host:port" in monitor.state("one")[1]


def test_the_rate_of_nothing_is_not_known() -> None:
    assert health_rate(0, 0) is None


def test_the_rate_has_its_exact_lower_bound() -> None:
    rate = health_rate(59, 59)
    assert rate is not None
    assert rate.share == 1.0
    assert rate.lower == pytest.approx(0.05 ** (1 / 59))
    half = health_rate(1, 2)
    assert half is not None
    assert half.lower == pytest.approx(1 - 0.95**0.5)


def environment(**changes: object) -> DeploymentEnvironment:
    return DeploymentEnvironment.model_validate(
        {"environment_id": "production", "name": "production", **changes}
    )


def test_an_environment_that_asks_for_nothing_is_well(tmp_path: Path) -> None:
    status = check_environment(environment(), tmp_path)
    assert status.is_healthy
    assert status.message == "it declares no check and asks for no resources"


def test_room_that_is_there_and_room_that_is_not(tmp_path: Path) -> None:
    little = ResourceConfig(cpu_requests="1m", memory_requests="1Mi", storage_requests="1Mi")
    assert check_environment(environment(resources=little), tmp_path / "not" / "there").is_healthy
    much = ResourceConfig(cpu_requests="999999", memory_requests="999Ti", storage_requests="999Ti")
    with pytest.raises(EnvironmentUnhealthy) as refused:
        check_environment(environment(resources=much), tmp_path)
    for name in ("cpu", "memory", "storage"):
        assert f"{name} is unhealthy" in str(refused.value)


def test_a_check_of_the_environment_that_fails_keeps_everything_out(
    tmp_path: Path, refused: Endpoint
) -> None:
    database = {
        "name": "database",
        "check_type": "tcp",
        "endpoint": refused.name,
        "target": "environment",
        "interval": 0.05,
    }
    with pytest.raises(
        EnvironmentUnhealthy, match=r"production is not well: database is unhealthy: .* takes"
    ):
        check_environment(environment(health_checks=[database]), tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_value_is_the_same_as_itself(value: object) -> None:
    assert differences(value, value, tolerance=0.0) == ()


@given(json_values, json_values)
def test_two_values_differ_both_ways_or_not_at_all(left: object, right: object) -> None:
    same = differences(left, right, tolerance=0.0) == ()
    assert same is (differences(right, left, tolerance=0.0) == ())


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": 1, "a": 2}', "", "{", "[" * 100_000])
def test_what_is_no_strict_json_is_refused(text: str) -> None:
    with pytest.raises(SerializationError):
        parse_strict(text)


def test_numbers_that_are_none_equal_nothing() -> None:
    assert differences(float("nan"), float("nan"), tolerance=1.0)
    assert differences(float("inf"), float("inf"), tolerance=1.0)


def test_no_more_differences_are_told_than_anybody_reads() -> None:
    assert len(differences(list(range(100)), list(range(1, 101)), tolerance=0.0)) == 20


def test_lists_of_other_lengths_and_values_of_other_kinds_differ() -> None:
    assert differences([1], [1, 2], tolerance=0.0) == ("the answer has 1 entries, expected 2",)
    assert differences("a", "b", tolerance=0.0) == ("the answer is 'a', expected 'b'",)
    assert differences(None, 1, tolerance=0.0) == ("the answer is null, expected a number",)


def test_values_nested_without_measure_are_not_compared() -> None:
    left: list[object] = []
    right: list[object] = []
    for _ in range(300):
        left, right = [left], [right]
    assert differences(left, right, tolerance=0.0) == (
        "the answer" + "[0]" * 201 + " is nested more than 200 deep",
    )
