"""A trial is resumed from the journal: steps that passed stay passed, and counts continue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.records.serving import RolloutSettings
from pytest_mlops.rollout.canary.trial import Trial
from pytest_mlops.rollout.context import DeploymentContext
from pytest_mlops.state.journal import read_journal
from pytest_mlops.state.lease import acquire
from pytest_mlops.state.rows import get_deployment
from tests.rollout.conftest import evidence_of
from tests.rollout.test_deploying import STEPS, deploy, traffic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tests.rollout.conftest import Desk

CANARY = RolloutSettings.model_validate({"strategy": "canary", "steps": STEPS, "bake": 0.0, "deadline": 5.0})


def notes(desk: Desk) -> list[Mapping[str, Any]]:
    """Return what the journal keeps of the canary."""
    with desk.store.read() as connection:
        return [entry.detail for entry in read_journal(connection, "production.2")]


def interrupt_after(desk: Desk, key: str) -> None:
    """Deploy version 2 as a canary, and end the process once the journal has a note."""
    assert deploy(desk, "1").success
    traffic(desk)

    def interrupt() -> None:
        if any(key in note for note in notes(desk)):
            raise KeyboardInterrupt

    desk.world.on_sleep = interrupt
    version = desk.project.version("2", timestamp=desk.clock.now)
    with pytest.raises(KeyboardInterrupt):
        desk.manager(desk.project.environment(rollout=CANARY)).deploy(evidence_of(version))
    desk.world.on_sleep = None


def test_a_step_that_passed_is_not_judged_again(desk: Desk) -> None:
    interrupt_after(desk, "passed")
    assert desk.manager(actor="supervisor").recover()
    assert desk.world.serving() == "2"
    assert [note["begin"]["index"] for note in notes(desk) if "begin" in note] == [0, 1]


def test_counts_of_a_step_in_progress_continue(desk: Desk) -> None:
    interrupt_after(desk, "begin")
    assert desk.manager(actor="supervisor").recover()
    assert desk.world.serving() == "2"
    assert [note["begin"]["index"] for note in notes(desk) if "begin" in note] == [0, 1]


def test_the_tallies_are_those_of_the_journal(desk: Desk) -> None:
    interrupt_after(desk, "passed")
    with desk.store.read() as connection:
        plan = get_deployment(connection, "production.2").plan
    with acquire(desk.store, "production", actor="ben", clock=desk.clock.now.timestamp) as lease:
        context = DeploymentContext(
            store=desk.store, lease=lease, target=desk.world, probes=desk.world, actor="ben", now=desk.clock
        )
        trial = Trial.resume(context, plan)
    (passed,) = (note["passed"] for note in notes(desk) if "passed" in note)
    (found,) = trial.tallies
    assert found.share == passed["share"] == 0.1
    assert found.canary.requests == passed["canary"]["requests"] > 0
