"""The target of this machine sees what the supervisor does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import ConflictError, TaskError
from pytest_mlops.serving.supervisor.lifecycle import (
    SupervisorCommand,
    bring_down,
)
from pytest_mlops.targets.local import LocalTarget
from tests.serving.supervisor.conftest import wait

if TYPE_CHECKING:
    from tests.serving.supervisor.conftest import World


def test_the_target_sees_replicas_and_traffic(world: World) -> None:
    world.supervise()
    target = LocalTarget(layout=world.layout, supervisor=SupervisorCommand(argv=("no-such-program",)))
    world.add(world.plan(), desired_replicas=2)
    revision = world.point(d_1=100.0)
    wait(lambda: target.routed() == revision, "the routes")
    wait(lambda: [each.ready for each in target.replicas("production.1")] == [True, True], "both")
    found = target.replicas("production.1")
    assert [each.index for each in found] == [0, 1]
    assert all(each.alive for each in found)
    assert target.traffic().epoch
    world.layout.replica("production.1.7").write_text('{"deployment_id": "production.1"}', encoding="utf-8")
    assert len(target.replicas("production.1")) == 2


def test_the_target_of_an_environment_that_is_down_refuses(world: World) -> None:
    bring_down(world.layout, grace=0.1)
    target = LocalTarget(layout=world.layout, supervisor=SupervisorCommand(argv=("no-such-program",)))
    for ask in (target.require_up, lambda: target.start("production.1")):
        with pytest.raises(TaskError, match="the environment is down"):
            ask()
    for look in (target.routed, lambda: target.replicas("production.1")):
        with pytest.raises(ConflictError, match="resumes after pytest-mlops up"):
            look()
    with pytest.raises(TaskError, match="its counts are unknown"):
        target.traffic()
