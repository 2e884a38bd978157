"""Deploying, rolling back, and what becomes of it when something does not hold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import ConfigError, ConflictError, EvidenceError, NotRegistered, TicketRefused
from pytest_mlops.records.deployment import Consistency, DeploymentStatus
from pytest_mlops.records.results import Outcome
from pytest_mlops.records.serving import RolloutSettings
from pytest_mlops.state.controls import Control, request_control
from pytest_mlops.state.journal import read_journal
from pytest_mlops.state.rows import list_deployments
from pytest_mlops.state.steps import FORWARD, Phase, Step
from pytest_mlops.store.log import read_log, verify_log
from pytest_mlops.store.schema import monitored
from pytest_mlops.targets.traffic import DeploymentTraffic, Traffic
from tests.rollout.conftest import evidence_of

if TYPE_CHECKING:
    from pytest_mlops.records.deployment import DeploymentResult
    from pytest_mlops.records.serving import Strategy
    from tests.rollout.conftest import Desk


def deploy(desk: Desk, name: str, **rollout: object) -> DeploymentResult:
    settings = RolloutSettings.model_validate({"bake": 0.0, "deadline": 5.0, **rollout})
    version = desk.project.version(name)
    return desk.manager(desk.project.environment(rollout=settings)).deploy(evidence_of(version))


def statuses(desk: Desk) -> dict[str, DeploymentStatus]:
    with desk.store.read() as connection:
        rows = list_deployments(connection, "production")
    return {row.plan.deployment_id: row.status for row in rows}


def test_a_version_with_a_ticket_serves_and_everything_is_written_down(desk: Desk) -> None:
    result = deploy(desk, "1")

    assert result.success
    assert result.deployment.status is DeploymentStatus.RUNNING
    assert result.health_status.is_healthy
    assert desk.world.pointer().weights == {"production.1": 100.0}
    with desk.store.read() as connection:
        journal = read_journal(connection, "production.1")
        log = read_log(connection, subject="production.1")
        assert verify_log(connection).entries > len(journal)
    assert tuple(entry.step for entry in journal if entry.phase is Phase.DONE) == FORWARD
    assert [(entry.body["step"], entry.body["phase"]) for entry in log] == [
        (entry.step, entry.phase) for entry in journal
    ]


def test_the_result_states_both_parts_of_its_bound(desk: Desk) -> None:
    desk.world.consistency = Consistency(
        share=0.5, equal=1, compared=2, differences=("python: tested with 3.12, here 3.11",)
    )
    result = deploy(desk, "1")
    assert result.consistency == desk.world.consistency
    assert result.health_rate is not None
    assert result.health_rate.share == 1.0
    assert result.health_rate.lower is not None
    assert result.bound == pytest.approx(0.5 * result.health_rate.lower)
    assert 0 < result.health_rate.lower < 1


def test_starting_a_deployment_starts_its_monitoring_and_ends_that_of_the_one_before(desk: Desk) -> None:
    deploy(desk, "1")
    deploy(desk, "2")
    with desk.store.read() as connection:
        rows = {row.deployment_id: row for row in connection.execute(monitored.select())}
    assert rows["production.1"].stopped_at is not None
    assert rows["production.2"].stopped_at is None
    assert '"run_id": "run-2"' in rows["production.2"].body


def test_the_next_version_follows_and_the_old_one_stops(desk: Desk) -> None:
    deploy(desk, "1")
    result = deploy(desk, "2")
    assert result.success
    assert desk.world.serving() == "2"
    assert desk.world.stopped == ["production.1"]
    assert statuses(desk) == {
        "production.1": DeploymentStatus.STOPPED,
        "production.2": DeploymentStatus.RUNNING,
    }


@pytest.mark.parametrize(
    "outcome",
    [Outcome.FAILED, Outcome.UNDECIDED, Outcome.INCOMPLETE, Outcome.SKIPPED, Outcome.CRASHED, Outcome.FLAKY],
)
def test_no_other_verdict_than_a_pass_is_deployed(desk: Desk, outcome: Outcome) -> None:
    version = desk.project.version("1", outcome=outcome)
    with pytest.raises(TicketRefused):
        desk.manager().deploy(evidence_of(version))
    assert desk.world.pointer().revision == 0
    assert statuses(desk) == {}
    assert not desk.world.staged
    with desk.store.read() as connection:
        (refused,) = read_log(connection, kind="ticket")
    assert refused.body["predicate"]["verificationResult"] == "FAILED"


def test_without_a_record_nothing_is_deployed(desk: Desk) -> None:
    version = desk.project.version("1")
    version.record.unlink()
    with pytest.raises(EvidenceError, match="cannot read"):
        desk.manager().deploy(evidence_of(version))
    assert statuses(desk) == {}


def test_another_model_than_the_tested_one_is_refused(desk: Desk) -> None:
    version = desk.project.version("1")
    (version.model / "weights.txt").write_text("other", encoding="utf-8")
    with pytest.raises(TicketRefused, match="digest"):
        desk.manager().deploy(evidence_of(version))


def test_evidence_of_another_model_is_refused(desk: Desk) -> None:
    version = desk.project.version("1")
    with pytest.raises(TicketRefused):
        desk.manager().deploy(evidence_of(version, model_id="another"))


def test_a_record_of_another_run_is_refused(desk: Desk) -> None:
    version = desk.project.version("1")
    with pytest.raises(TicketRefused, match="expected run last-night"):
        desk.manager().deploy(evidence_of(version, run_id="last-night"))
    assert statuses(desk) == {}


def test_evidence_that_is_too_old_is_refused(desk: Desk) -> None:
    version = desk.project.version("1", timestamp=desk.clock.now - timedelta(days=8))
    with pytest.raises(TicketRefused, match="old"):
        desk.manager().deploy(evidence_of(version))


def test_an_environment_that_is_not_well_gets_nothing(desk: Desk) -> None:
    desk.world.environment_error = "database: refused"
    result = deploy(desk, "1")
    assert not result.success
    assert result.deployment.message == "environment: database: refused"
    assert not desk.world.staged
    assert desk.world.pointer().revision == 0


def test_an_environment_too_far_from_where_the_version_was_tested_gets_nothing(desk: Desk) -> None:
    desk.world.consistency = Consistency(
        share=0.5, equal=1, compared=2, differences=("python: 3.12, here 3.11",)
    )
    result = deploy(desk, "1", require_consistency=0.9)
    assert "γ is 0.500, must be at least 0.9: python: 3.12, here 3.11" in result.deployment.message


def test_where_nothing_can_be_compared_a_demanded_consistency_is_not_met(desk: Desk) -> None:
    desk.world.consistency = Consistency()
    result = deploy(desk, "1", require_consistency=0.1)
    assert "nothing could be compared" in result.deployment.message


@pytest.mark.parametrize("strategy", ["all_at_once", "canary", "shadow"])
def test_a_version_that_does_not_get_healthy_gets_no_traffic(desk: Desk, strategy: Strategy) -> None:
    deploy(desk, "1")
    revision = desk.world.pointer().revision
    desk.world.sick.add("2")
    result = deploy(desk, "2", strategy=strategy)
    assert not result.success
    assert "not healthy within the deadline of 5 s: ready: refused" in result.deployment.message
    assert desk.world.pointer().revision == revision
    assert desk.world.stopped == ["production.2"]
    assert statuses(desk)["production.1"] is DeploymentStatus.RUNNING


def test_a_version_with_other_answers_than_the_tested_model_gets_no_traffic(desk: Desk) -> None:
    from pytest_mlops.records.serving import GoldenSettings

    deploy(desk, "1")
    desk.world.wrong.add("2")
    environment = desk.project.environment(golden=GoldenSettings(file="golden.json"))
    result = desk.manager(environment).deploy(evidence_of(desk.project.version("2")))
    assert result.deployment.message == "replay: 1 of 1 golden answers differs"
    assert desk.world.serving() == "1"


def test_a_version_that_fails_with_the_traffic_is_rolled_back(desk: Desk) -> None:
    deploy(desk, "1")
    desk.world.sick_with_traffic.add("2")
    result = deploy(desk, "2", bake=3.0)
    assert not result.success
    assert result.deployment.message.startswith("bake: not healthy with the traffic")
    assert desk.world.serving() == "1"
    assert desk.world.pointer().weights == {"production.1": 100.0}
    assert statuses(desk) == {
        "production.1": DeploymentStatus.RUNNING,
        "production.2": DeploymentStatus.FAILED,
    }


def test_a_first_version_that_fails_leaves_nothing_serving(desk: Desk) -> None:
    desk.world.sick_with_traffic.add("1")
    result = deploy(desk, "1", bake=3.0)
    assert not result.success
    assert desk.world.pointer().stable is None
    assert desk.world.pointer().weights == {}


def test_where_the_one_before_may_not_serve_any_more_the_new_one_goes_on(desk: Desk) -> None:
    deploy(desk, "1")
    desk.clock.now += timedelta(days=6)
    second = desk.project.version("2", timestamp=desk.clock.now)
    environment = desk.project.environment(rollout=RolloutSettings(bake=3 * 86400.0, deadline=5.0))

    def two_days_pass() -> None:
        desk.clock.now += timedelta(days=2)
        desk.world.sick_with_traffic.add("2")

    desk.world.on_sleep = two_days_pass
    result = desk.manager(environment).deploy(evidence_of(second))
    assert not result.success
    assert "nothing to roll back to" in result.deployment.message
    assert "at most 168 hours" in result.deployment.message
    assert desk.world.serving() == "2"
    assert statuses(desk)["production.2"] is DeploymentStatus.RUNNING


def test_blue_green_waits_for_a_person(desk: Desk) -> None:
    deploy(desk, "1")
    waits = []

    def after_a_while() -> None:
        waits.append(desk.world.serving())
        if len(waits) == 5:
            say(desk, "production.2", Control.PROMOTE)

    desk.world.on_sleep = after_a_while
    result = deploy(desk, "2", strategy="blue_green")
    assert result.success
    assert waits[:5] == ["1"] * 5
    assert desk.world.serving() == "2"


def say(desk: Desk, name: str, control: Control, reason: str = "") -> None:
    with desk.store.write() as connection:
        request_control(
            connection,
            environment="production",
            deployment_id=name,
            control=control,
            actor="eve",
            reason=reason,
            at=desk.clock.now,
        )


@pytest.mark.parametrize("strategy", ["blue_green", "canary", "shadow"])
def test_a_rollout_can_be_aborted(desk: Desk, strategy: Strategy) -> None:
    deploy(desk, "1")
    desk.world.on_sleep = lambda: say(desk, "production.2", Control.ABORT, "no good")
    result = deploy(desk, "2", strategy=strategy)
    assert result.deployment.message == "shift: aborted by eve: no good"
    assert desk.world.pointer().weights == {"production.1": 100.0}
    assert desk.world.pointer().shadow == {}


def traffic(desk: Desk, *, errors: int = 0, shadow: bool = False) -> None:
    """Let 40 requests a look reach each version that gets any, of which the new one fails ``errors``."""
    counts = {"production.1": [0, 0], "production.2": [0, 0]}

    def count() -> Traffic:
        pointer = desk.world.pointer()
        for name in (*pointer.weights, *pointer.shadow):
            counts[name][0] += 40
            counts[name][1] += errors if name == "production.2" else 0
        return Traffic(
            epoch="1",
            deployments={
                name: DeploymentTraffic(
                    requests=0 if shadow and name == "production.2" else n,
                    errors=0 if shadow and name == "production.2" else bad,
                    latency={10.0: n - bad},
                    shadow_requests=n if shadow and name == "production.2" else 0,
                    shadow_errors=bad if shadow and name == "production.2" else 0,
                    shadow_latency={10.0: n - bad},
                )
                for name, (n, bad) in counts.items()
            },
        )

    desk.world.traffic_of = count


STEPS = [{"weight": 10.0, "bake": 5.0}, {"weight": 50.0, "bake": 5.0}]


def test_a_canary_goes_up_step_by_step(desk: Desk) -> None:
    deploy(desk, "1")
    traffic(desk)
    seen: list[float] = []
    desk.world.on_sleep = lambda: seen.append(desk.world.pointer().weights.get("production.2", 0.0))
    result = deploy(desk, "2", strategy="canary", steps=STEPS)
    assert result.success
    assert sorted(set(seen)) == [10.0, 50.0]
    assert desk.world.serving() == "2"


def test_a_canary_that_does_harm_is_rolled_back(desk: Desk) -> None:
    deploy(desk, "1")
    traffic(desk, errors=30)
    result = deploy(desk, "2", strategy="canary", steps=STEPS)
    assert not result.success
    assert result.deployment.message.startswith("shift: the judge decided to roll back")
    assert desk.world.pointer().weights == {"production.1": 100.0}


def test_a_canary_without_traffic_is_never_promoted(desk: Desk) -> None:
    deploy(desk, "1")
    result = deploy(desk, "2", strategy="canary", steps=STEPS, max_bake=60.0)
    assert not result.success
    assert "no verdict within max_bake, 60 s" in result.deployment.message
    assert desk.world.serving() == "1"


def test_a_canary_whose_counts_cannot_be_had_is_never_promoted(desk: Desk) -> None:
    from pytest_mlops.errors import TaskError

    deploy(desk, "1")
    traffic(desk)
    real = desk.world.traffic_of
    calls = []

    def count() -> Traffic:
        calls.append(1)
        if len(calls) > 1:
            raise TaskError("the gateway does not answer")
        return real()

    desk.world.traffic_of = count
    result = deploy(desk, "2", strategy="canary", steps=STEPS, max_bake=60.0)
    assert "no counts: the gateway does not answer" in result.deployment.message
    assert desk.world.serving() == "1"


def test_a_paused_canary_is_not_promoted_until_it_is_resumed(desk: Desk) -> None:
    deploy(desk, "1")
    traffic(desk)
    began = desk.clock.now
    say(desk, "production.2", Control.PAUSE)

    def resume_late() -> None:
        if (desk.clock.now - began).total_seconds() > 200:
            say(desk, "production.2", Control.RESUME)
            desk.world.on_sleep = None

    desk.world.on_sleep = resume_late
    result = deploy(desk, "2", strategy="canary", steps=STEPS)
    assert result.success
    assert (desk.clock.now - began).total_seconds() > 200


def test_a_person_can_promote_a_canary_before_the_judge(desk: Desk) -> None:
    deploy(desk, "1")
    desk.world.on_sleep = lambda: say(desk, "production.2", Control.PROMOTE, "we know why")
    result = deploy(desk, "2", strategy="canary", steps=STEPS)
    assert result.success
    with desk.store.read() as connection:
        journal = read_journal(connection, "production.2")
    (shifted,) = [e for e in journal if e.step is Step.SHIFT and e.phase is Phase.DONE]
    assert shifted.detail["promoted"] == "eve: we know why"


def test_shadow_traffic_is_judged_before_any_client_sees_an_answer(desk: Desk) -> None:
    deploy(desk, "1")
    traffic(desk, shadow=True)
    seen: list[tuple[dict[str, float], dict[str, float]]] = []
    desk.world.on_sleep = lambda: seen.append(
        (dict(desk.world.pointer().weights), dict(desk.world.pointer().shadow))
    )
    result = deploy(desk, "2", strategy="shadow", bake=2.0)
    assert result.success
    assert seen[0] == ({"production.1": 100.0}, {"production.2": 1.0})
    assert desk.world.pointer().shadow == {}


def test_counts_that_restart_restart_the_step(desk: Desk) -> None:
    deploy(desk, "1")
    traffic(desk)
    real = desk.world.traffic_of
    calls: list[int] = []

    def count() -> Traffic:
        calls.append(1)
        found = real()
        return Traffic(epoch="1" if len(calls) < 4 else "2", deployments=found.deployments)

    desk.world.traffic_of = count
    result = deploy(desk, "2", strategy="canary", steps=STEPS)
    assert result.success
    with desk.store.read() as connection:
        journal = read_journal(connection, "production.2")
    begun = [entry.detail["begin"]["index"] for entry in journal if "begin" in entry.detail]
    assert begun == [0, 0, 1]


def test_replicas_that_die_again_and_again_end_it(desk: Desk) -> None:
    from pytest_mlops.state.rows import change_deployment

    deploy(desk, "1")
    desk.world.sick.add("2")

    def die() -> None:
        with desk.store.write() as connection:
            change_deployment(connection, "production.2", at=desk.clock.now, restart_budget=0)

    desk.world.on_sleep = die
    result = deploy(desk, "2", deadline=100.0)
    assert result.deployment.message.startswith("probe: its replicas died 3 times")
    assert desk.world.serving() == "1"


def test_a_rollback_brings_the_version_before(desk: Desk) -> None:
    deploy(desk, "1")
    deploy(desk, "2")
    result = desk.manager().rollback()
    assert result.success
    assert result.deployment.deployment_id == "production.3"
    assert result.deployment.message == "serves again, in place of production.2"
    assert desk.world.serving() == "1"
    assert desk.world.staged["production.3"] == 1


def test_a_rollback_passes_over_versions_whose_ticket_does_not_hold(desk: Desk) -> None:
    first = deploy(desk, "1")
    second = deploy(desk, "2")
    deploy(desk, "3")
    del first
    from pathlib import Path

    with desk.store.read() as connection:
        rows = {row.plan.deployment_id: row.plan for row in list_deployments(connection, "production")}
    plan = rows[second.deployment.deployment_id]
    (Path(plan.release) / "model" / "model" / "weights.txt").write_text("tampered", encoding="utf-8")
    result = desk.manager().rollback()
    assert result.success
    assert desk.world.serving() == "1"


def test_a_rollback_to_what_never_served_is_refused(desk: Desk) -> None:
    deploy(desk, "1")
    with pytest.raises(NotRegistered, match="no other version served here before"):
        desk.manager().rollback()
    with pytest.raises(NotRegistered, match="no version 9 served here before; those that did: none"):
        desk.manager().rollback(to="9")


def test_a_version_that_failed_is_no_rollback_candidate(desk: Desk) -> None:
    deploy(desk, "1")
    desk.world.sick.add("2")
    deploy(desk, "2")
    deploy(desk, "3")
    desk.world.sick.clear()
    assert desk.manager().rollback().success
    assert desk.world.serving() == "1"


def test_old_evidence_is_rolled_back_to_only_as_the_environment_says(desk: Desk) -> None:
    deploy(desk, "1")
    deploy(desk, "2")
    desk.clock.now += timedelta(days=10)
    with pytest.raises(EvidenceError, match="at most 168 hours"):
        desk.manager().rollback()
    assert desk.world.serving() == "2"

    patient = RolloutSettings(bake=0.0, deadline=5.0, rollback_max_age=30 * 86400.0)
    assert desk.manager(desk.project.environment(rollout=patient)).rollback().success
    assert desk.world.serving() == "1"


def test_two_deployers_do_not_get_in_each_others_way(desk: Desk) -> None:
    deploy(desk, "1")
    other = desk.project.version("3")
    found: list[str] = []

    def interfere() -> None:
        with pytest.raises(ConflictError) as refused:
            desk.manager(actor="ben").deploy(evidence_of(other))
        found.append(str(refused.value))

    desk.world.on_sleep = interfere
    traffic(desk)
    assert deploy(desk, "2", strategy="canary", steps=STEPS).success
    assert found[0].startswith("production is being changed by ada on ")
    assert "production.3" not in statuses(desk)


def test_without_serve_nothing_can_be_deployed(desk: Desk) -> None:
    version = desk.project.version("1")
    with pytest.raises(ConfigError, match="has no serve"):
        desk.manager(desk.project.environment(serve=None)).deploy(evidence_of(version))


def test_a_later_fail_of_the_same_bytes_outranks_the_record(desk: Desk) -> None:
    from pytest_mlops.evidence.verify import read_record
    from pytest_mlops.store.history import record_result

    version = desk.project.version("1", timestamp=desk.clock.now - timedelta(hours=2))
    failed = desk.project.version("1-again", outcome=Outcome.FAILED, text="1")
    record_result(desk.store, read_record(failed.record), actor="ada")
    with pytest.raises(TicketRefused, match="run run-1-again of the same bytes ended in FAIL"):
        desk.manager().deploy(evidence_of(version))


def test_releases_that_are_not_kept_are_removed(desk: Desk) -> None:
    for name in ("1", "2", "3"):
        deploy(desk, name, retain=1)
    kept = desk.world.pruned[-1]
    with desk.store.read() as connection:
        rows = list_deployments(connection, "production")
    assert kept == {row.plan.release for row in rows if row.plan.number in {2, 3}}
