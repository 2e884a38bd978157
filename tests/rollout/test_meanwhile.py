"""What changes while a deployment is under way: demands, clocks, leases, replicas and counts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import ConflictError, TaskError, TicketRefused
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.records.serving import RolloutSettings
from pytest_mlops.records.ticket import TicketPolicy
from pytest_mlops.rollout.canary.trial import Trial
from pytest_mlops.rollout.context import DeploymentContext
from pytest_mlops.rollout.driver import TICKET_SECONDS
from pytest_mlops.state.controls import Control, request_control
from pytest_mlops.state.lease import LEASE_SECONDS, acquire
from pytest_mlops.state.rows import list_deployments
from pytest_mlops.state.steps import Step
from pytest_mlops.store.log import read_log
from pytest_mlops.store.schema import monitored
from tests.rollout.conftest import evidence_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pytest_mlops.records.deployment import DeploymentResult
    from pytest_mlops.targets.traffic import Traffic
    from tests.rollout.conftest import Desk

QUICK = RolloutSettings(bake=0.0, deadline=5.0)
WAITS = RolloutSettings(strategy="blue_green", bake=0.0, deadline=5.0)


def deploy(
    desk: Desk, name: str, *, rollout: RolloutSettings = QUICK, policy: TicketPolicy | None = None
) -> DeploymentResult:
    environment = desk.project.environment(rollout=rollout, policy=policy or TicketPolicy())
    version = desk.project.version(name, timestamp=desk.clock.now)
    return desk.manager(environment).deploy(evidence_of(version))


def promote(connection: Connection, desk: Desk) -> None:
    """Let a person promote version 2."""
    request_control(
        connection,
        environment="production",
        deployment_id="production.2",
        control=Control.PROMOTE,
        actor="ben",
        reason="looks good",
        at=desk.clock.now,
    )


def promote_after(desk: Desk, seconds: float, also: object = None) -> None:
    """Let a person promote what waits, after some seconds."""
    begun = desk.clock.now

    def pass_by() -> None:
        if (desk.clock.now - begun).total_seconds() >= seconds:
            if callable(also):
                also()
            with desk.store.write() as connection:
                promote(connection, desk)

    desk.world.on_sleep = pass_by


def test_a_ticket_that_ran_out_while_the_version_waited_is_no_ticket(desk: Desk) -> None:
    assert deploy(desk, "1").success
    promote_after(desk, 2 * TICKET_SECONDS)
    result = deploy(desk, "2", rollout=WAITS, policy=TicketPolicy(max_age=TICKET_SECONDS))
    assert not result.success
    assert "check of the age" in result.deployment.message
    assert desk.world.serving() == "1"


def test_a_ticket_that_still_holds_lets_the_version_serve_after_a_long_wait(desk: Desk) -> None:
    assert deploy(desk, "1").success
    promote_after(desk, 2 * TICKET_SECONDS)
    assert deploy(desk, "2", rollout=WAITS).success
    with desk.store.read() as connection:
        assert len(read_log(connection, kind="ticket")) == 3  # each at its start, version 2 once more


def test_replicas_that_are_not_ready_any_more_get_no_traffic(desk: Desk) -> None:
    assert deploy(desk, "1").success
    promote_after(desk, 5.0, also=lambda: desk.world.unready.add("2"))
    result = deploy(desk, "2", rollout=WAITS)
    assert not result.success
    assert "0 of 1 replicas are ready after 30 s" in result.deployment.message
    assert desk.world.serving() == "1"
    assert desk.world.pointer().weights == {"production.1": 100.0}


def test_a_revert_is_under_what_is_demanded_now(desk: Desk) -> None:
    """Version 1 would not be let in today: the new one, which was, keeps serving."""
    assert deploy(desk, "1").success
    desk.world.sick_with_traffic.add("2")
    desk.clock.now += timedelta(minutes=1)
    result = deploy(desk, "2", policy=TicketPolicy(max_age=45.0))
    assert "there is nothing to roll back to" in result.deployment.message
    assert desk.world.serving() == "2"
    assert desk.world.stopped == ["production.1"]
    with desk.store.read() as connection:
        rows = {row.deployment_id: row for row in connection.execute(monitored.select())}
    assert rows["production.1"].stopped_at is not None
    assert rows["production.2"].stopped_at is None


def test_who_lost_the_lease_while_asking_for_the_ticket_begins_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow() -> None:
        desk.clock.now += timedelta(seconds=2 * LEASE_SECONDS)
        acquire(desk.store, "production", actor="ben", clock=desk.clock.now.timestamp)

    monkeypatch.setattr(desk.world, "require_up", slow)
    with pytest.raises(ConflictError, match="was lost"):
        deploy(desk, "1")
    with desk.store.read() as connection:
        assert list_deployments(connection, "production") == ()


def test_a_release_that_is_being_deployed_meanwhile_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who blesses version 2 loses the lease, and version 3 begins before files are removed."""
    rollout = RolloutSettings(bake=0.0, deadline=5.0, retain=1)
    for name in ("0", "1"):
        assert deploy(desk, name, rollout=rollout).success

    def lose_the_lease(_name: str) -> None:
        monkeypatch.undo()
        desk.clock.now += timedelta(seconds=2 * LEASE_SECONDS)
        desk.manager(actor="ben").submit(evidence_of(desk.project.version("3")))

    monkeypatch.setattr(desk.world, "stop", lose_the_lease)
    assert deploy(desk, "2", rollout=rollout).success
    with desk.store.read() as connection:
        releases = {row.plan.number: row.plan.release for row in list_deployments(connection, "production")}
    assert desk.world.pruned[-1] == {releases[number] for number in (2, 3, 4)}


def test_an_environment_that_is_down_is_refused_before_anything_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> None:
        raise TaskError("the environment is down; bring it up with pytest-mlops up")

    monkeypatch.setattr(desk.world, "require_up", down)
    with pytest.raises(TaskError, match="bring it up"):
        deploy(desk, "1")
    with desk.store.read() as connection:
        assert list_deployments(connection, "production") == ()


def test_a_refusal_for_another_run_is_in_the_log_as_one(desk: Desk) -> None:
    with pytest.raises(TicketRefused, match="expected run last-night"):
        desk.manager().deploy(evidence_of(desk.project.version("1"), run_id="last-night"))
    with desk.store.read() as connection:
        (entry,) = read_log(connection, kind="ticket")
    assert entry.body["predicate"]["verificationResult"] == "FAILED"
    assert "expected run last-night" in str(entry.body)


def test_a_rehearsal_asks_for_the_run_too(desk: Desk) -> None:
    with pytest.raises(TicketRefused, match="expected run last-night"):
        desk.manager().dry_run(evidence_of(desk.project.version("1"), run_id="last-night"))


def test_a_gateway_that_is_away_when_a_canary_begins_is_waited_for(desk: Desk) -> None:
    assert deploy(desk, "1").success
    real, asked = desk.world.traffic_of, 0

    def away() -> Traffic:
        nonlocal asked
        asked += 1
        if asked < 5:
            raise TaskError("the gateway does not answer")
        with desk.store.write() as connection:
            promote(connection, desk)
        return real()

    desk.world.traffic_of = away
    result = deploy(desk, "2", rollout=RolloutSettings(strategy="canary", bake=0.0, deadline=5.0))
    assert result.success, result.deployment.message
    assert asked >= 5


def test_a_gateway_that_stays_away_ends_the_rollout(desk: Desk) -> None:
    assert deploy(desk, "1").success

    def away() -> Traffic:
        raise TaskError("the gateway does not answer")

    desk.world.traffic_of = away
    rollout = RolloutSettings(strategy="canary", bake=0.0, deadline=5.0, max_bake=20.0)
    result = deploy(desk, "2", rollout=rollout)
    assert "no counts within max_bake, 20 s" in result.deployment.message
    assert desk.world.serving() == "1"


def test_a_step_that_was_not_judged_cannot_pass(desk: Desk) -> None:
    assert deploy(desk, "1").success
    with desk.store.read() as connection:
        (row,) = list_deployments(connection, "production")
    assert row.status is DeploymentStatus.RUNNING
    with acquire(desk.store, "production", actor="ada") as lease:
        context = DeploymentContext(
            store=desk.store, lease=lease, target=desk.world, probes=desk.world, actor="ada", now=desk.clock
        )
        with pytest.raises(TaskError, match="nothing was judged"):
            Trial(context=context, plan=row.plan).end()
        assert context.journal(row.plan)[-1].step is Step.BLESS
