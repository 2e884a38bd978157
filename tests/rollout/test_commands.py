"""The commands of deployments, as far as they go without a process of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.cli.deploy import outcome_lines
from pytest_mlops.errors import ConfigError, NotRegistered, StoreError, TicketRefused
from pytest_mlops.records.results import Outcome
from pytest_mlops.state.controls import read_requested_state
from pytest_mlops.state.rows import list_deployments
from pytest_mlops.store.engine import open_store
from tests.rollout.conftest import Clock, Crash, CrashingStore, Desk, World, evidence_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

    from tests.deployments import Project

CONFIG = """
model: {id: risk, version: "1"}
environments:
  production: {serve: {command: ["{python}", serve.py]}}
  review: {}
"""


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A project with a store of its own, which is where the commands are typed."""
    project.folder.mkdir()
    (project.folder / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("MLOPS_STORE_URL", raising=False)
    clock = Clock()
    with open_store(folder=project.folder) as store:
        yield Desk(store=store, world=World(store=store, clock=clock), clock=clock, project=project)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def output_of(done: Result) -> str:
    return " ".join(done.output.split())


def leave_half_done(desk: Desk) -> None:
    """Let version 1 serve and a deployer of version 2 die on its way."""
    assert desk.manager().deploy(evidence_of(desk.project.version("1"))).success
    store = CrashingStore(desk.store, at=9, after=True)
    with pytest.raises((Crash, StoreError)):
        desk.manager(store=store).deploy(evidence_of(desk.project.version("2")))


def test_a_dry_run_asks_everything_and_begins_nothing(here: Desk) -> None:
    version = here.project.version("1")
    done = run("deploy", str(version.record), "--dry-run")
    assert done.exit_code == 0, done.output
    for check in ("schema: ", "verdict: ", "model: ", "required set: ", "age: ", "trust level: "):
        assert f"ok {check}" in output_of(done)
    assert "consistency γ" in output_of(done)
    assert "nothing was started" in output_of(done)
    with here.store.read() as connection:
        assert list_deployments(connection, "production") == ()
    assert not (here.project.folder / ".mlops" / "deploy").exists()


def test_a_dry_run_refuses_what_a_deployment_would(here: Desk) -> None:
    version = here.project.version("1", outcome=Outcome.FAILED)
    done = run("deploy", str(version.record), "--dry-run")
    assert isinstance(done.exception, TicketRefused)


@pytest.mark.parametrize("control", ["promote", "pause", "resume", "abort"])
def test_what_is_asked_of_a_rollout_is_written_down(here: Desk, control: str) -> None:
    leave_half_done(here)
    done = run(control, "--reason", "because")
    assert done.exit_code == 0, done.output
    assert f"requested {control} of production.2 (risk@2)" in output_of(done)
    with here.store.read() as connection:
        requested = read_requested_state(connection, "production.2")
    assert (requested.promote is not None) is (control == "promote")
    assert (requested.abort is not None) is (control == "abort")
    assert requested.paused is (control == "pause")


@pytest.mark.parametrize("control", ["promote", "pause", "resume", "abort"])
def test_nothing_can_be_asked_of_nothing(here: Desk, control: str) -> None:
    assert here.manager().deploy(evidence_of(here.project.version("1"))).success
    assert isinstance(run(control).exception, NotRegistered)


def test_status_shows_what_serves_and_what_is_under_way(here: Desk) -> None:
    leave_half_done(here)
    done = run("status")
    assert done.exit_code == 0, done.output
    found = output_of(done)
    assert "production: no gateway runs on this machine" in found
    assert "production.1 of risk@1 gets 100 % of the requests" in found
    assert "production.2 of risk@2 is being deployed: " in found
    assert "(process " in found  # the dead deployer's lease is not over yet
    assert "no supervisor runs here" in found
    assert max(len(line.rstrip()) for line in done.output.splitlines()) <= 80
    values = json.loads(run("status", "--json").output)
    assert values["under_way"] == "production.2"
    assert values["pointer"]["weights"] == {"production.1": 100.0}


def test_status_of_an_environment_that_nothing_was_deployed_to(here: Desk) -> None:
    del here
    assert "nothing serves" in output_of(run("status", "--environment", "review"))


def test_the_history_of_deployments(here: Desk) -> None:
    leave_half_done(here)
    done = run("history", "deployments")
    assert done.exit_code == 0, done.output
    assert "production.2 risk@2 deploying" in output_of(done)
    assert "production.1: serves" in output_of(done)
    values = json.loads(run("history", "deployments", "--json").output)
    assert [each["deployment_id"] for each in values["deployments"]] == ["production.2", "production.1"]


def test_an_environment_has_to_be_meant(here: Desk) -> None:
    unknown = run("status", "--environment", "staging").exception
    assert isinstance(unknown, ConfigError)
    assert "declares production, review" in str(unknown)
    config = here.project.folder / "mlops.yaml"
    config.write_text(CONFIG.replace("review: {}", "review: {serve: {command: [x]}}"), encoding="utf-8")
    both = run("status").exception
    assert isinstance(both, ConfigError)
    assert "production, review with serve:" in str(both)
    config.unlink()
    none = run("status").exception
    assert isinstance(none, ConfigError)
    assert "no mlops.yaml here or above declares it" in str(none)


def test_without_a_store_nothing_was_deployed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.folder.mkdir()
    (project.folder / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("MLOPS_STORE_URL", raising=False)
    assert isinstance(run("status").exception, StoreError)


def test_an_outcome_states_its_promises(here: Desk) -> None:
    result = here.manager().deploy(evidence_of(here.project.version("1")))
    found = outcome_lines(result)
    assert found[0].startswith("production.1: risk@1 serves production after ")
    assert "  consistency γ = 1.000 (3 of 3 facts)" in found
    assert any(line.startswith("  health δ = 1.000 (") for line in found)
    assert any(line.startswith("  P(CD) ≥ γ·δ = ") for line in found)
    here.world.sick.add("2")
    failed = outcome_lines(here.manager().deploy(evidence_of(here.project.version("2"))))
    assert failed[0].startswith("production.2: risk@2 was rolled back from production after ")
    assert failed[1].startswith("  probe: not healthy within the deadline")
