"""None of these gets into an environment, and none is rolled back to, by command or from Python."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.keys import generate_key
from pytest_mlops.evidence.verify import read_record
from pytest_mlops.records.codec import dump
from pytest_mlops.records.results import Outcome
from pytest_mlops.records.serving import RolloutSettings
from pytest_mlops.records.ticket import TicketPolicy, TrustedKey
from pytest_mlops.state.rows import list_deployments
from pytest_mlops.store.history import record_result
from tests.rollout.conftest import evidence_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks._deployments import Version
    from pytest_mlops.records.environment import DeploymentEnvironment
    from tests.rollout.conftest import Desk

QUICK = RolloutSettings(bake=0.0, deadline=5.0)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def untrusted(version: Version) -> None:
    """Say that the run was one of a fork's pull request, as the gate there does."""
    record = read_record(version.record)
    provenance = record.provenance.model_copy(update={"trust": "untrusted-pr"})
    version.record.write_text(dump(record.model_copy(update={"provenance": provenance})), encoding="utf-8")


TAMPERED: dict[str, Callable[[Version], object]] = {
    "no record": lambda version: version.record.unlink(),
    "an empty record": lambda version: version.record.write_text("", encoding="utf-8"),
    "a verdict that was written over": lambda version: edit(
        version.record, lambda data: data.update(verdict="pass", decision="allow", pass_rate=0.5)
    ),
    "thresholds that were lowered": lambda version: edit(
        version.record, lambda data: data["policy"]["gate"].update(min_coverage=0.0)
    ),
    "a test that was taken out": lambda version: edit(
        version.record, lambda data: data["test_results"].update(results=[], total_tests=0)
    ),
    "another model's bytes": lambda version: (version.model / "weights.txt").write_text("x", "utf-8"),
    "a file more": lambda version: (version.model / "more.txt").write_text("x", "utf-8"),
    "a run of a fork": untrusted,
}


def is_empty(desk: Desk) -> bool:
    with desk.store.read() as connection:
        return list_deployments(connection, "production") == ()


@pytest.mark.parametrize("how", TAMPERED)
def test_what_was_tampered_with_is_not_deployed(desk: Desk, how: str) -> None:
    version = desk.project.version("1")
    TAMPERED[how](version)
    with pytest.raises(EvidenceError):
        desk.manager().deploy(evidence_of(version))
    assert is_empty(desk)
    assert desk.world.pointer().revision == 0


def stricter(**demands: object) -> Callable[[Desk], DeploymentEnvironment]:
    return lambda desk: desk.project.environment(rollout=QUICK, policy=TicketPolicy.model_validate(demands))


def signed(desk: Desk) -> DeploymentEnvironment:
    """Return an environment that takes only what its key has signed."""
    _, public = generate_key(desk.project.folder / "ci.key")
    key = TrustedKey(name="ci", file=str(public))
    return desk.project.environment(rollout=QUICK, policy=TicketPolicy(trusted_keys=(key,)))


DEMANDS: dict[str, Callable[[Desk], DeploymentEnvironment]] = {
    "a signature": signed,
    "evidence of CI": stricter(trust=["ci"]),
    "evidence of this minute": stricter(max_age=1.0),
    "another cell": stricter(requirements=[{"capability": "calibration"}]),
    "a better number": stricter(rules=[{"metric": "accuracy", "min": 0.99}]),
}


@pytest.mark.parametrize("demand", DEMANDS)
def test_what_an_environment_demands_today_holds_for_deploying(desk: Desk, demand: str) -> None:
    version = desk.project.version("1")
    desk.clock.now += timedelta(minutes=1)
    with pytest.raises(EvidenceError):
        desk.manager(DEMANDS[demand](desk)).deploy(evidence_of(version))
    assert is_empty(desk)


def served_before(desk: Desk) -> Path:
    """Let version 1 serve, then version 2; return the release of version 1."""
    plans = []
    for name in ("1", "2"):
        result = desk.manager(desk.project.environment(rollout=QUICK)).deploy(
            evidence_of(desk.project.version(name))
        )
        assert result.success
        plans.append(result.deployment.deployment_id)
    with desk.store.read() as connection:
        rows = {row.plan.deployment_id: row.plan for row in list_deployments(connection, "production")}
    return Path(rows[plans[0]].release)


@pytest.mark.parametrize("demand", DEMANDS)
@pytest.mark.parametrize("to", [None, "1"])
def test_and_for_rolling_back(desk: Desk, demand: str, to: str | None) -> None:
    served_before(desk)
    desk.clock.now += timedelta(minutes=1)
    with pytest.raises(EvidenceError, match="no version to roll back to; risk@1: "):
        desk.manager(DEMANDS[demand](desk)).rollback(to=to)
    assert desk.world.serving() == "2"


RELEASED: dict[str, Callable[[Path], object]] = {
    "no record": lambda release: (release / "evidence" / "integration-result.json").unlink(),
    "another record": lambda release: edit(
        release / "evidence" / "integration-result.json", lambda data: data.update(duration=1.0)
    ),
    "another model": lambda release: (release / "model" / "model" / "weights.txt").write_text("x", "utf-8"),
}


@pytest.mark.parametrize("how", RELEASED)
def test_a_release_that_was_tampered_with_is_not_rolled_back_to(desk: Desk, how: str) -> None:
    release = served_before(desk)
    RELEASED[how](release)
    with pytest.raises(EvidenceError, match="no version to roll back to; risk@1: "):
        desk.manager(desk.project.environment(rollout=QUICK)).rollback()
    assert desk.world.serving() == "2"


def test_bytes_that_failed_later_are_not_rolled_back_to(desk: Desk) -> None:
    served_before(desk)
    failed = desk.project.version("1-again", outcome=Outcome.FAILED, text="1")
    record_result(desk.store, read_record(failed.record), actor="ada")
    with pytest.raises(EvidenceError, match="run run-1-again of the same bytes ended in FAIL"):
        desk.manager(desk.project.environment(rollout=QUICK)).rollback()


CONFIG = """
model: {id: risk, version: "1"}
environments: {production: {serve: {command: [serve]}}}
"""


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest_mlops", *arguments]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("how", TAMPERED)
def test_the_command_refuses_as_well_and_exits_with_5(desk: Desk, how: str) -> None:
    version = desk.project.version("1")
    (desk.project.folder / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    TAMPERED[how](version)
    done = command(desk.project.folder, "deploy", str(version.record), "--model", str(version.model))
    assert done.returncode == 5, done.stderr
    assert not (desk.project.folder / ".mlops" / "deploy").exists()


@pytest.mark.slow
@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNDECIDED, Outcome.INCOMPLETE])
def test_nor_does_it_take_another_verdict(desk: Desk, outcome: Outcome) -> None:
    version = desk.project.version("1", outcome=outcome)
    (desk.project.folder / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    done = command(desk.project.folder, "deploy", str(version.record))
    assert done.returncode == 5
    assert "refused by the check of the verdict" in done.stderr


@pytest.mark.slow
def test_nor_another_model_run_or_an_old_record(desk: Desk) -> None:
    (desk.project.folder).mkdir(exist_ok=True)
    (desk.project.folder / "mlops.yaml").write_text(CONFIG.replace("risk", "other"), encoding="utf-8")
    version = desk.project.version("1")
    assert command(desk.project.folder, "deploy", str(version.record)).returncode == 5
    (desk.project.folder / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    assert command(desk.project.folder, "deploy", str(version.record), "--run-id", "r").returncode == 5
    old = desk.project.version("2", timestamp=desk.clock.now - timedelta(days=30))
    assert command(desk.project.folder, "deploy", str(old.record)).returncode == 5
