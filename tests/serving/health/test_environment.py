"""An environment is checked before anything is deployed to it: what it declares, and room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import EnvironmentUnhealthy, InvalidHealthCheck
from pytest_mlops.records.environment import DeploymentEnvironment
from pytest_mlops.records.health import HealthState
from pytest_mlops.serving.health.environment import check_environment, room_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mlops.records.health import HealthCheck
    from tests.serving.health.conftest import Farm


def environment(**fields: Any) -> DeploymentEnvironment:
    return DeploymentEnvironment.model_validate({"environment_id": "e", "name": "production", **fields})


def test_environment_that_declares_nothing_has_nothing_to_check(tmp_path: Path) -> None:
    status = check_environment(environment(), tmp_path)
    assert status.is_healthy
    assert status.message == "it declares no check and asks for no resources"
    assert status.checks == ()


def test_what_is_healthy_is_named(farm: Farm, make_check: Callable[..., HealthCheck], tmp_path: Path) -> None:
    port = farm.http(200).port
    database = make_check("tcp", name="database", target="environment", endpoint=f"127.0.0.1:{port}")
    status = check_environment(environment(health_checks=(database,)), tmp_path)
    assert status.is_healthy
    assert [check.name for check in status.checks] == ["database"]


def test_everything_that_is_unhealthy_is_named(
    farm: Farm, make_check: Callable[..., HealthCheck], tmp_path: Path
) -> None:
    port = farm.refuse().port
    database = make_check("tcp", name="database", target="environment", endpoint=f"127.0.0.1:{port}")
    asked = environment(health_checks=(database,), resources={"cpu_requests": "9999"})
    with pytest.raises(EnvironmentUnhealthy, match=r"production is unhealthy: cpu .*; database is unhealthy"):
        check_environment(asked, tmp_path)


def test_what_is_undecided_by_the_deadline_is_unhealthy(
    farm: Farm, make_check: Callable[..., HealthCheck], tmp_path: Path
) -> None:
    port = farm.hang().port
    slow = make_check("http", target="environment", endpoint=f"http://127.0.0.1:{port}/")
    with pytest.raises(EnvironmentUnhealthy, match="unknown"):
        check_environment(environment(health_checks=(slow,)), tmp_path, seconds=0.2)


def test_checks_of_the_service_are_not_asked(make_check: Callable[..., HealthCheck], tmp_path: Path) -> None:
    status = check_environment(environment(health_checks=(make_check("http"),)), tmp_path)
    assert status.checks == ()


def test_commands_and_functions_run_in_the_folder_of_the_project(
    make_check: Callable[..., HealthCheck], tmp_path: Path
) -> None:
    (tmp_path / "ours.py").write_text("def well(): return True\n", encoding="utf-8")
    checks = (
        make_check("custom", name="a", target="environment", endpoint="ours:well"),
        make_check("command", name="b", target="environment", command=("test", "-f", "ours.py")),
    )
    assert check_environment(environment(health_checks=checks), tmp_path, folder=tmp_path).is_healthy


def test_mistake_is_an_error_and_no_verdict(make_check: Callable[..., HealthCheck], tmp_path: Path) -> None:
    wrong = make_check("custom", target="environment", endpoint="no_such_module:check")
    with pytest.raises(InvalidHealthCheck):
        check_environment(environment(health_checks=(wrong,)), tmp_path)


@pytest.mark.parametrize("name", ["cpu", "memory", "storage"])
def test_room_is_held_against_what_is_asked_for(name: str, tmp_path: Path) -> None:
    much = {"cpu": "9999", "memory": "9999Ti", "storage": "9999Ti"}
    little = {"cpu": "1m", "memory": "1Ki", "storage": "1Ki"}
    for amounts, state in ((much, HealthState.UNHEALTHY), (little, HealthState.HEALTHY)):
        asked = environment(resources={f"{name}_requests": amounts[name]})
        (found,) = room_for(asked, tmp_path / "not" / "there" / "yet")
        assert (found.name, found.state) == (name, state)
        assert (found.successes, found.probes) == (int(state is HealthState.HEALTHY), 1)


def test_every_replica_asks_for_room_of_its_own(tmp_path: Path) -> None:
    one = environment(resources={"cpu_requests": "1m"})
    many = environment(resources={"cpu_requests": "1m"}, config={"replicas": 1000})
    (first,), (second,) = room_for(one, tmp_path), room_for(many, tmp_path)
    assert "0.001 required" in first.message
    assert "1 required" in second.message


def test_gpus_that_cannot_be_counted_are_unknown_and_so_unhealthy(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnhealthy, match="gpu is unknown: this target cannot count GPUs"):
        check_environment(environment(resources={"gpu_requests": "1"}), tmp_path)
