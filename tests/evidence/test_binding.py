"""What a release is bound to: the model and demands of the deployer, the job that signs, the very bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.attest import write_attestations
from pytest_mlops.evidence.demands import tightened
from pytest_mlops.evidence.statement import envelope_path, statement_path
from pytest_mlops.operations.sign import sign_file
from pytest_mlops.operations.verify import verify_file
from pytest_mlops.records.policy import GateSettings, Policy
from pytest_mlops.records.ticket import TicketPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.evidence.ticket import Examination
    from tests.evidence.conftest import Scene


def presented(scene: Scene, model_id: str | None) -> Examination:
    scene.model_id = model_id
    return scene.examine()


def test_a_signed_record_of_another_model_is_refused_with_its_own_bytes(scene: Scene) -> None:
    found = presented(scene, "credit")
    assert found.ticket is None
    assert found.refusal is not None
    assert found.refusal.check == "model"
    assert "the record is of risk 7; production here is for credit" in str(found.refusal)


@pytest.mark.parametrize("model_id", ["risk", None])
def test_a_record_of_the_model_that_is_meant_is_let_in(scene: Scene, model_id: str | None) -> None:
    assert presented(scene, model_id).ticket is not None


def test_the_logged_policy_tells_which_model_was_meant(scene: Scene) -> None:
    digests = {presented(scene, model_id).policy_digest for model_id in ("risk", "credit", None)}
    assert len(digests) == 3


@pytest.mark.parametrize("recorded", [None, False, True])
@pytest.mark.parametrize("demanded", [False, True])
def test_evidence_is_demanded_wherever_either_side_demands_it(recorded: bool | None, demanded: bool) -> None:
    policy = Policy(gate=GateSettings(require_evidence=recorded))
    gate = tightened(policy, TicketPolicy(require_evidence=demanded), "production").gate
    assert gate.require_evidence is (True if demanded else recorded)


@pytest.mark.parametrize(("demanded", "expected"), [(None, 30), (10, 30), (200, 200)])
def test_the_least_number_of_examples_is_only_ever_raised(demanded: int | None, expected: int) -> None:
    policy = Policy(gate=GateSettings(min_n=30))
    assert tightened(policy, TicketPolicy(min_n=demanded), "production").gate.min_n == expected


def test_a_run_that_lowered_the_number_of_examples_is_refused_where_more_are_demanded(scene: Scene) -> None:
    policy = scene.record().policy
    gate = policy.gate.model_copy(update={"min_n": 1})
    scene.forge(policy=policy.model_copy(update={"gate": gate}))
    scene.sign("ci")
    assert scene.examine().ticket is not None
    scene.demand(min_n=1000)
    refusal = scene.examine().refusal
    assert refusal is not None
    assert "no conclusive test covers rank:old" in str(refusal)


def test_a_job_of_a_fork_signs_nothing_whatever_the_record_says_of_itself(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = scene.record().provenance.model_copy(update={"trust": "ci"})
    scene.forge(provenance=where)
    envelope_path(scene.path).unlink()
    event = tmp_path / "event.json"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))

    def proposed_from(repository: str) -> None:
        pull = {"head": {"repo": {"full_name": repository}}, "base": {"repo": {"full_name": "a/b"}}}
        event.write_text(json.dumps({"pull_request": pull}), encoding="utf-8")

    proposed_from("fork/b")
    with pytest.raises(EvidenceError, match="untrusted pull request"):
        sign_file(scene.path, [scene.keys["ci"]], run_id=None, model=scene.model)
    assert not envelope_path(scene.path).exists()
    proposed_from("a/b")
    sign_file(scene.path, [scene.keys["ci"]], run_id=None, model=scene.model)
    assert envelope_path(scene.path).exists()


@pytest.mark.parametrize("what", ["statement", "envelope"])
def test_an_attestation_of_an_older_record_beside_it_is_refused(scene: Scene, what: str) -> None:
    assert f"{what} beside it, about these very bytes" in verify_file(scene.path, model=scene.model).checks
    old = {path: path.read_bytes() for path in (statement_path(scene.path), envelope_path(scene.path))}
    scene.forge(run_id="newer")
    write_attestations(scene.path, scene.record(), scene.path.read_bytes(), [scene.keys["ci"]])
    verify_file(scene.path, model=scene.model)
    stale = statement_path(scene.path) if what == "statement" else envelope_path(scene.path)
    stale.write_bytes(old[stale])
    with pytest.raises(EvidenceError, match=rf"the {what} .* is about another record \(run r, "):
        verify_file(scene.path, model=scene.model)
    stale.unlink()
    verify_file(scene.path, model=scene.model)
