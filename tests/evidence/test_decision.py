"""Decisions: logged whichever way they go, in the shape of a verification summary."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from in_toto_attestation.v1 import statement_pb2  # type: ignore[import-untyped]
from in_toto_attestation.v1.statement import Statement  # type: ignore[import-untyped]

from pytest_mlops.errors import EvidenceError, StoreError, TicketRefused
from pytest_mlops.evidence.case import Evidence, TicketCheck, open_case
from pytest_mlops.evidence.decision import EXTENSION, issue_ticket, summarize
from pytest_mlops.evidence.ticket import examine
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.log import read_log, verify_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mlops.evidence.case import Case
    from pytest_mlops.store.engine import Store
    from tests.evidence.conftest import Scene


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", folder=tmp_path) as opened:
        yield opened


def predicate_of(data: dict[str, Any]) -> dict[str, Any]:
    predicate: dict[str, Any] = data["predicate"]
    return predicate


def test_what_is_let_in_and_what_is_refused_are_both_logged(store: Store, scene: Scene) -> None:
    ticket = issue_ticket(store, scene.case(), actor="deployer")
    assert ticket.environment == "production"
    scene.now += timedelta(days=30)
    with pytest.raises(TicketRefused, match="check of the age"):
        issue_ticket(store, scene.case(), actor="deployer")
    with store.read() as connection:
        entries = read_log(connection, kind="ticket", subject="risk@7")
        assert verify_log(connection).entries == 2
    results = [predicate_of(entry.body)["verificationResult"] for entry in entries]
    assert results == ["PASSED", "FAILED"]
    assert {entry.actor for entry in entries} == {"deployer"}


def test_a_decision_is_a_verification_summary(scene: Scene) -> None:
    for days, result, levels in ((0, "PASSED", ["MLOPS_TICKET_SIGNED"]), (30, "FAILED", ["FAILED"])):
        scene.now += timedelta(days=days)
        data = summarize(scene.examine())
        statement = ParseDict(data, statement_pb2.Statement())
        Statement.copy_from_pb(statement).validate()
        assert data["predicateType"] == "https://slsa.dev/verification_summary/v1"
        predicate = predicate_of(data)
        required = {
            "verifier",
            "timeVerified",
            "resourceUri",
            "policy",
            "verificationResult",
            "verifiedLevels",
        }
        assert required <= predicate.keys()
        assert {"id", "version"} == predicate["verifier"].keys()
        assert (predicate["verificationResult"], predicate["verifiedLevels"]) == (result, levels)
        assert predicate["resourceUri"] == "urn:pytest-mlops:model:risk:7"
        assert predicate["policy"]["uri"] == "urn:pytest-mlops:environment:production"
        assert len(predicate["inputAttestations"]) == 2


def test_a_refusal_says_which_check_why_and_what_to_do(scene: Scene) -> None:
    scene.now += timedelta(days=30)
    details = predicate_of(summarize(scene.examine()))[EXTENSION]
    assert [check["name"] for check in details["checks"]][-1] == "required set"
    assert details["refusal"]["check"] == "age"
    assert "Run the gate again" in details["refusal"]["remedy"]


def test_an_unsigned_ticket_stands_for_less(scene: Scene) -> None:
    scene.unsigned()
    predicate = predicate_of(summarize(scene.examine()))
    assert predicate["verifiedLevels"] == ["MLOPS_TICKET"]
    assert len(predicate["inputAttestations"]) == 1


def test_the_policy_digest_names_the_keys_and_not_only_their_files(scene: Scene) -> None:
    before = scene.examine().policy_digest
    (scene.folder / "stranger.pub").replace(scene.folder / "ci.pub")
    assert scene.examine().policy_digest != before
    (scene.folder / "ci.pub").unlink()
    assert scene.examine().policy_digest != before


def test_what_is_no_record_is_logged_by_its_digest(store: Store, scene: Scene) -> None:
    scene.path.write_bytes(b"junk")
    with pytest.raises(TicketRefused):
        issue_ticket(store, scene.case(), actor="deployer")
    with store.read() as connection:
        (entry,) = read_log(connection)
    assert entry.subject.startswith("record ")
    assert entry.body["subject"][0]["name"] == "integration result"


def test_names_of_absurd_length_are_cut_for_the_log(store: Store, scene: Scene) -> None:
    scene.unsigned()
    version = scene.record().model_version
    assert version is not None
    scene.forge(model_version=version.model_copy(update={"model_id": "m" * 5000}))
    issue_ticket(store, scene.case(), actor="deployer")
    with store.read() as connection:
        assert len(read_log(connection)[0].subject) == 500


def test_there_is_no_ticket_where_the_decision_cannot_be_logged(store: Store, scene: Scene) -> None:
    case = scene.case()
    store.close()
    with pytest.raises(StoreError):
        issue_ticket(store, case, actor="deployer")


def test_a_check_that_breaks_lets_nothing_in(scene: Scene) -> None:
    def broken(case: Case) -> str:
        raise ZeroDivisionError("1/0")

    check = TicketCheck(name="odd", check=broken, remedy="None")
    examined = examine(scene.case(), [check])
    assert examined.ticket is None
    assert examined.refusal is not None
    assert examined.refusal.message == "it could not be carried out: ZeroDivisionError: 1/0"


def test_no_checks_at_all_let_nothing_in(scene: Scene) -> None:
    assert examine(scene.case(), []).ticket is None


def test_a_refused_ticket_is_an_error_with_its_remedy(store: Store, scene: Scene) -> None:
    assert issue_ticket(store, scene.case(), actor="deployer").record.run_id == "r"
    scene.now += timedelta(days=30)
    with pytest.raises(TicketRefused) as caught:
        issue_ticket(store, scene.case(), actor="deployer")
    assert caught.value.check == "age"
    assert str(caught.value).endswith(caught.value.remedy)


def test_a_case_is_opened_from_files(scene: Scene, tmp_path: Path) -> None:
    def opened(**paths: Any) -> Case:
        return open_case(
            Evidence(**{"record": scene.path, "model": scene.model, **paths}),
            environment="production",
            policy=scene.policy,
            keys_folder=scene.folder,
            now=scene.now,
        )

    assert examine(opened()).ticket is not None
    with pytest.raises(EvidenceError, match=r"cannot read .*nowhere"):
        opened(envelope=tmp_path / "nowhere")
    with pytest.raises(EvidenceError, match="not a regular file"):
        opened(record=tmp_path)
