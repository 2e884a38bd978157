"""A deployer may die at any of its writes: the next one resumes, and one version serves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import StoreError
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.records.serving import RolloutSettings
from pytest_mlops.state.lease import LEASE_SECONDS
from pytest_mlops.state.rows import list_deployments
from pytest_mlops.store.log import verify_log
from tests.rollout.conftest import Crash, CrashingStore, evidence_of
from tests.rollout.test_deploying import STEPS, deploy, traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.rollout.manager import DeploymentManager
    from tests.rollout.conftest import Desk

MOST_WRITES = 60


def act_and_die(desk: Desk, act: Callable[[DeploymentManager], object], *, after: bool) -> int:
    """Carry out an act that dies at its first write, then go on; then at its second, and so on.

    Each round begins with version 1 serving. Returns how many writes the act has.
    """
    for at in range(1, MOST_WRITES):
        store = CrashingStore(desk.store, at=at, after=after)
        manager = desk.manager(desk.project.environment(rollout=ROLLOUTS[at % 2]), store=store)
        try:
            act(manager)
        except (Crash, StoreError):
            pass
        else:
            return at
        desk.clock.now += timedelta(seconds=LEASE_SECONDS + 1)
        while desk.manager(actor="supervisor").recover():
            pass
        look(desk)
    raise AssertionError("the act never came to its end")


ROLLOUTS = (
    RolloutSettings(bake=1.0, deadline=60.0),
    RolloutSettings.model_validate({"bake": 1.0, "deadline": 60.0, "strategy": "canary", "steps": STEPS}),
)


def look(desk: Desk) -> None:
    """Make sure that one version serves and that everything says so."""
    pointer = desk.world.pointer()
    assert pointer.weights == {str(pointer.stable): 100.0}
    assert pointer.shadow == {}
    with desk.store.read() as connection:
        rows = {row.plan.deployment_id: row for row in list_deployments(connection, "production")}
        verify_log(connection)
    serving = rows.pop(str(pointer.stable))
    assert serving.status is DeploymentStatus.RUNNING
    assert serving.desired_replicas == 1
    assert serving.restart_budget is None
    assert {row.desired_replicas for row in rows.values()} <= {0}
    assert {row.status for row in rows.values()} <= {DeploymentStatus.STOPPED, DeploymentStatus.FAILED}


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_a_deployer_that_dies_at_any_write_is_followed(desk: Desk, *, after: bool) -> None:
    deploy(desk, "1")
    traffic_between_all(desk)
    versions = iter(range(2, 100))
    writes = act_and_die(
        desk,
        lambda manager: manager.deploy(evidence_of(desk.project.version(str(next(versions))))),
        after=after,
    )
    assert writes > 20
    assert desk.world.serving() not in {None, "1"}


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_one_that_dies_in_a_revert_is_followed(desk: Desk, *, after: bool) -> None:
    deploy(desk, "1")
    traffic_between_all(desk)
    versions = iter(range(2, 100))

    def fail(manager: DeploymentManager) -> None:
        name = str(next(versions))
        desk.world.sick_with_traffic.add(name)
        manager.deploy(evidence_of(desk.project.version(name)))

    writes = act_and_die(desk, fail, after=after)
    assert writes > 20
    assert desk.world.serving() == "1"


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_one_that_dies_in_a_rollback_is_followed(desk: Desk, *, after: bool) -> None:
    deploy(desk, "1")
    versions = iter(range(2, 100))

    def roll_back(manager: DeploymentManager) -> None:
        deploy(desk, str(next(versions)))  # what was rolled back is no candidate
        manager.rollback()

    writes = act_and_die(desk, roll_back, after=after)
    assert writes > 15
    assert desk.world.serving() in {"1", "2", "3"}  # a death before the rollback began left 2 or 3


def test_who_takes_over_asks_for_the_ticket_again(desk: Desk) -> None:
    deploy(desk, "1")
    version = desk.project.version("2")
    store = CrashingStore(desk.store, at=12, after=True)  # the ticket was found in order, and it was staged
    with pytest.raises((Crash, StoreError)):
        desk.manager(store=store).deploy(evidence_of(version))
    with desk.store.read() as connection:
        plan = list_deployments(connection, "production")[0].plan
    assert plan.record.is_file()
    desk.clock.now += timedelta(days=8)

    assert desk.manager().recover()
    with desk.store.read() as connection:
        row = list_deployments(connection, "production")[0]
    assert row.status is DeploymentStatus.FAILED
    assert row.message.startswith("verify: refused by the check of the age")
    assert desk.world.serving() == "1"


def test_no_process_takes_over_from_one_that_lives(desk: Desk) -> None:
    deploy(desk, "1")
    traffic(desk)
    recovered: list[bool] = []
    desk.world.on_sleep = lambda: recovered.append(desk.manager(actor="supervisor").recover())
    assert deploy(desk, "2", strategy="canary", steps=STEPS).success
    assert set(recovered) == {False}


def test_where_nothing_is_under_way_nothing_is_taken_over(desk: Desk) -> None:
    assert not desk.manager().recover()
    deploy(desk, "1")
    assert not desk.manager().recover()


def traffic_between_all(desk: Desk) -> None:
    """Let requests reach every version that gets any."""
    from collections import Counter

    from pytest_mlops.targets.traffic import DeploymentTraffic, Traffic

    counts: Counter[str] = Counter()

    def count() -> Traffic:
        for name in desk.world.pointer().weights:
            counts[name] += 60
        return Traffic(
            epoch="1",
            deployments={
                name: DeploymentTraffic(requests=n, errors=0, latency={10.0: n}) for name, n in counts.items()
            },
        )

    desk.world.traffic_of = count
