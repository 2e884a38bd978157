"""How long a process that died waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.serving.supervisor.backoff import FIRST_SECONDS, MOST_SECONDS, restart_delay


def test_the_first_start_waits_for_nothing() -> None:
    assert restart_delay(0, "production.1.0") == 0.0


@pytest.mark.parametrize(
    ("deaths", "base"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (10**6, 30.0)]
)
def test_the_wait_doubles_up_to_half_a_minute(deaths: int, base: float) -> None:
    assert base <= restart_delay(deaths, "production.1.0") <= base * 1.25


def test_replicas_that_died_together_do_not_start_together() -> None:
    delays = {restart_delay(1, f"production.1.{index}") for index in range(20)}
    assert len(delays) == 20


@given(st.integers(1, 10**9), st.text())
def test_the_wait_is_a_function_of_its_arguments_and_within_its_bounds(deaths: int, key: str) -> None:
    delay = restart_delay(deaths, key)
    assert delay == restart_delay(deaths, key)
    assert FIRST_SECONDS <= delay <= MOST_SECONDS * 1.25
