"""Aliases: compare-and-set, with a history that has no gap."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import ConflictError, EvidenceError, InvalidMetadata, NotRegistered, StoreError
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.registry.entries import Revision
from pytest_mlops.store.log import read_log, verify_log
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.registry.entries import AliasMove
    from pytest_mlops.registry.registry import Registry
    from tests.registry.conftest import Clock, RecordRun

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
A, B = "a" * 64, "b" * 64


@pytest.fixture(autouse=True)
def versions(request: pytest.FixtureRequest) -> None:
    name = "registry" if "registry" in request.fixturenames else "local"
    registry: Registry = request.getfixturevalue(name)
    registry.register(ModelVersion(model_id="credit", version_id="1", digest=A))
    registry.register(ModelVersion(model_id="credit", version_id="2", digest=B))


def move(registry: Registry, to: str | None, expected: str | Revision | None, **more: object) -> AliasMove:
    return registry.move_alias("credit", "champion", to, expected=expected, reason="a test", **more)  # type: ignore[arg-type]


def test_an_alias_is_made_moved_and_taken_away(registry: Registry, clock: Clock) -> None:
    first = move(registry, "1", None)
    assert (first.revision, first.previous, first.version_id, first.moved_at) == (1, None, "1", NOON)
    assert registry.get_by_alias("credit", "champion").version_id == "1"
    clock.forward(hours=1)
    assert move(registry, "2", "1").revision == 2
    assert registry.get("credit", "@champion").version_id == "2"
    assert [(one.alias, one.version_id) for one in registry.aliases("credit")] == [("champion", "2")]
    gone = move(registry, None, "2")
    assert (gone.revision, gone.previous, gone.version_id) == (3, "2", None)
    assert registry.aliases("credit") == ()
    with pytest.raises(NotRegistered):
        registry.get_by_alias("credit", "champion")
    assert move(registry, "1", None).revision == 4


def test_whoever_expects_something_else_learns_who_moved_it_when_and_why(registry: Registry) -> None:
    registry.move_alias("credit", "champion", "2", expected=None, reason="better recall")
    with pytest.raises(ConflictError) as refused:
        move(registry, "1", "1")
    assert str(refused.value) == (
        "champion of credit points to 2 (revision 1), expected 1; ada moved it to 2 at 2026-11-23 12:00:00 "
        "UTC: better recall"
    )
    with pytest.raises(ConflictError, match="expected none yet"):
        move(registry, "1", None)
    assert registry.alias_state("credit", "champion").revision == 1


def test_an_alias_that_was_never_set_or_was_taken_away_says_so(registry: Registry) -> None:
    with pytest.raises(ConflictError, match=r"points nowhere \(revision 0\), expected 1; it was never set"):
        move(registry, "2", "1")
    move(registry, "1", None)
    move(registry, None, "1")
    with pytest.raises(ConflictError, match="ada took it away at 2026"):
        move(registry, "2", "1")


def test_a_revision_notices_what_a_version_does_not(registry: Registry) -> None:
    move(registry, "1", Revision(number=0))
    move(registry, "2", "1")
    move(registry, "1", "2")
    with pytest.raises(ConflictError, match=r"revision 3\), expected revision 1"):
        move(registry, "2", Revision(number=1))
    assert move(registry, "2", Revision(number=3)).revision == 4


def test_an_alias_points_to_registered_versions_of_its_model_only(registry: Registry) -> None:
    registry.register(ModelVersion(model_id="other", version_id="9"))
    with pytest.raises(NotRegistered, match="credit has no version 9"):
        move(registry, "9", None)
    assert registry.alias_state("credit", "champion").revision == 0


def test_a_move_rests_on_a_run_of_the_bytes_it_points_to(registry: Registry, record_run: RecordRun) -> None:
    record_run("run-a", A)
    assert move(registry, "1", None, run_id="run-a").run_id == "run-a"
    with pytest.raises(EvidenceError, match="is valid only for the bytes"):
        move(registry, "2", "1", run_id="run-a")
    with pytest.raises(EvidenceError, match="no run run-b"):
        move(registry, None, "1", run_id="run-b")
    assert move(registry, None, "1", run_id="run-a").revision == 2


def test_a_pass_can_be_required(registry: Registry, record_run: RecordRun) -> None:
    with pytest.raises(EvidenceError, match="has no evidence; expected a PASS"):
        move(registry, "1", None, require_pass=True)
    record_run("bad", A, Verdict.UNDECIDED)
    with pytest.raises(EvidenceError, match="the verdict undecided"):
        move(registry, "1", None, run_id="bad", require_pass=True)
    record_run("good", B, Verdict.WAIVED)
    assert move(registry, "2", None, run_id="good", require_pass=True).revision == 1


def test_the_history_is_paged_newest_first(registry: Registry) -> None:
    for number in range(5):
        move(registry, str(1 + number % 2), Revision(number=number))
    first = registry.alias_history("credit", "champion", limit=3)
    assert [one.revision for one in first.moves] == [5, 4, 3]
    rest = registry.alias_history("credit", "champion", limit=3, cursor=first.cursor)
    assert [one.revision for one in rest.moves] == [2, 1]
    assert rest.cursor is None
    assert first.moves[0] == registry.alias_history("credit", "champion", limit=1).moves[0]
    assert (first.moves[0].moved_by, first.moves[0].reason) == ("ada", "a test")


def test_an_alias_without_a_history_is_not_registered(local: Registry) -> None:
    with pytest.raises(NotRegistered, match="never had an alias champion"):
        local.alias_history("credit", "champion")
    with pytest.raises(ValueError, match="limit is 0"):
        local.alias_history("credit", "champion", limit=0)


def test_every_move_stands_in_the_log(registry: Registry) -> None:
    move(registry, "1", None)
    move(registry, "2", "1")
    with registry.store.read() as connection:
        verify_log(connection)
        last = read_log(connection, kind="alias")[-1]
    assert (last.subject, last.actor, last.at) == ("credit@champion", "ada", NOON)
    assert last.body == {"revision": 2, "previous": "1", "version": "2", "reason": "a test", "run_id": None}


@pytest.mark.parametrize("alias", ["", "a b", "@x", "-x", "x" * 101, "é"])
def test_what_cannot_be_an_alias_is_refused(local: Registry, alias: str) -> None:
    with pytest.raises(InvalidMetadata, match="the alias is"):
        local.move_alias("credit", alias, "1", expected=None, reason="a test")


def test_a_move_has_a_reason(local: Registry) -> None:
    with pytest.raises(InvalidMetadata, match="needs a reason"):
        local.move_alias("credit", "champion", "1", expected=None, reason=" ")


def test_a_reason_that_cannot_be_stored_moves_nothing(registry: Registry) -> None:
    with pytest.raises(StoreError, match="reason is"):
        registry.move_alias("credit", "champion", "1", expected=None, reason="a\0b")
    assert registry.alias_state("credit", "champion").revision == 0
