"""History: records of runs are kept once, bounded, and as long as something relies on them."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from pytest_mlops.errors import ConflictError, EvidenceError, NotRegistered, StoreError
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.store import history
from pytest_mlops.store.history import get_result, list_results, record_result
from pytest_mlops.store.log import read_log, verify_log
from pytest_mlops.store.schema import alias_moves, aliases, integration_results, model_versions, pins
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.store.engine import Store
    from tests.store.conftest import MakeRecord

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record_runs(store: Store, make_record: MakeRecord, *hours: int, **options: Any) -> None:
    """Record run-0 at noon, run-1 an hour later, and so on for ``hours``."""
    for hour in hours:
        record = make_record(f"run-{hour}", timestamp=NOON + hour * HOUR)
        record_result(store, record, actor="ada", at=NOON + hour * HOUR, **options)


def runs(store: Store, **filters: Any) -> list[str]:
    return [entry.run_id for entry in list_results(store, **filters).entries]


def test_a_record_is_returned_as_it_was(store: Store, make_record: MakeRecord) -> None:
    record = make_record(quality_score=0.1)
    entry = record_result(store, record, actor="ada", at=NOON)
    assert get_result(store, "run-1") == record
    assert list_results(store).entries == (entry,)
    assert (entry.model_id, entry.version, entry.verdict, entry.decision) == ("credit", "1", "pass", "allow")
    assert (entry.coverage, entry.pass_rate, entry.quality_score) == (1.0, 1.0, 0.1)
    assert (entry.duration, entry.timestamp, entry.context) == (1.5, NOON, "local")


def test_recording_is_in_the_log(store: Store, make_record: MakeRecord) -> None:
    entry = record_result(store, make_record(), actor="ada", at=NOON)
    with store.read() as connection:
        (logged,) = read_log(connection, kind="result", subject="run-1")
    assert (logged.actor, logged.at) == ("ada", NOON)
    assert logged.body["record_digest"] == entry.record_digest
    assert logged.body["verdict"] == "pass"
    assert logged.body["pruned"] == []


def test_the_clock_is_asked_where_no_time_is_given(store: Store, make_record: MakeRecord) -> None:
    before = datetime.now(UTC)
    record_result(store, make_record(), actor="ada")
    with store.read() as connection:
        (logged,) = read_log(connection)
    assert before <= logged.at <= datetime.now(UTC)


def test_the_same_record_again_changes_nothing(store: Store, make_record: MakeRecord) -> None:
    first = record_result(store, make_record(), actor="ada", at=NOON)
    assert record_result(store, make_record(), actor="bob", at=NOON + HOUR) == first
    with store.read() as connection:
        assert verify_log(connection).entries == 1


def test_the_same_record_from_many_threads_is_kept_once(store: Store, make_record: MakeRecord) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: record_result(store, make_record(), actor="ada"), range(12)))
    with store.read() as connection:
        assert verify_log(connection).entries == 1


def test_another_record_of_the_same_run_is_a_conflict(store: Store, make_record: MakeRecord) -> None:
    record_result(store, make_record(), actor="ada", at=NOON)
    with pytest.raises(ConflictError, match="another record of run run-1 is in the store"):
        record_result(store, make_record(duration=2.0), actor="ada", at=NOON)
    assert get_result(store, "run-1").duration == 1.5


def test_a_run_that_was_never_recorded_is_named(store: Store) -> None:
    with pytest.raises(NotRegistered, match="no run 'run-9'"):
        get_result(store, "run-9")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run_id": "r" * 201}, "run_id has 201 characters"),
        ({"model_version": ModelVersion(version_id="1", model_id="m" * 201)}, "model_id has 201 characters"),
    ],
)
def test_a_name_that_is_too_long_is_refused(
    store: Store, make_record: MakeRecord, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        record_result(store, make_record(**changes), actor="ada", at=NOON)
    assert runs(store) == []


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (zlib.compress(b"{}"), "was changed after it was recorded"),
        (b"nothing packed", "cannot be decompressed"),
        (b"", "was changed after it was recorded"),
    ],
)
def test_a_record_that_was_changed_is_refused(
    store: Store, make_record: MakeRecord, packed: bytes, message: str
) -> None:
    record_result(store, make_record(), actor="ada", at=NOON)
    with store.write() as connection:
        connection.execute(update(integration_results).values(record=packed))
    with pytest.raises(EvidenceError, match=f"run run-1 in the store {message}"):
        get_result(store, "run-1")


def test_a_record_that_is_none_is_refused(store: Store, make_record: MakeRecord) -> None:
    record_result(store, make_record(), actor="ada", at=NOON)
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of {}
    with store.write() as connection:
        connection.execute(
            update(integration_results).values(record=zlib.compress(b"{}"), record_digest=digest)
        )
    with pytest.raises(EvidenceError, match="run run-1 in the store: schema_version"):
        get_result(store, "run-1")


def test_a_record_that_would_fill_the_memory_is_not_unpacked(
    store: Store, make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_result(store, make_record(), actor="ada", at=NOON)
    monkeypatch.setattr(history, "MAX_RECORD_BYTES", 100)
    assert len(history._unpack(zlib.compress(b"x" * 10_000), "run-1")) == 101
    with pytest.raises(EvidenceError):
        get_result(store, "run-1")


def test_the_newest_come_first_and_in_pages(store: Store, make_record: MakeRecord) -> None:
    record_runs(store, make_record, 3, 0, 4, 1, 2)
    record_result(store, make_record("again", timestamp=NOON + 2 * HOUR), actor="ada", at=NOON + 5 * HOUR)
    seen, cursor = [], None
    for expected in (2, 2, 2):
        page = list_results(store, limit=2, cursor=cursor)
        assert len(page.entries) == expected
        seen += [entry.run_id for entry in page.entries]
        cursor = page.cursor
    assert cursor is None
    assert seen == ["run-4", "run-3", "again", "run-2", "run-1", "run-0"]


def test_a_page_goes_on_where_the_last_ended_though_results_were_added(
    store: Store, make_record: MakeRecord
) -> None:
    record_runs(store, make_record, 0, 1, 2)
    page = list_results(store, limit=2)
    record_runs(store, make_record, 3)
    assert runs(store, limit=2, cursor=page.cursor) == ["run-0"]


def test_results_are_found_by_model_verdict_and_time(store: Store, make_record: MakeRecord) -> None:
    record_runs(store, make_record, 0, 1, 2)
    other = ModelVersion(version_id="1", model_id="churn")
    failed = {"verdict": Verdict.FAIL, "success": False}
    record_result(store, make_record("other", model_version=other, **failed), actor="ada", at=NOON)
    record_result(store, make_record("none", model_version=None), actor="ada", at=NOON)
    assert runs(store, model_id="credit") == ["run-2", "run-1", "run-0"]
    assert runs(store, verdict=Verdict.FAIL) == ["other"]
    assert runs(store, model_id="credit", verdict=Verdict.FAIL) == []
    assert runs(store, since=NOON + HOUR) == ["run-2", "run-1"]
    assert len(runs(store)) == 5


@pytest.mark.parametrize("cursor", ["", "x", "1.5:", "1.5:x", ":1"])
def test_a_cursor_of_somebody_else_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(StoreError, match="the cursor is"):
        list_results(store, cursor=cursor)


def test_a_page_of_nothing_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="limit is 0"):
        list_results(store, limit=0)


def test_the_oldest_go_when_there_are_too_many(store: Store, make_record: MakeRecord) -> None:
    record_runs(store, make_record, 0, 1, 2, 3, 4, keep=3)
    assert runs(store) == ["run-4", "run-3", "run-2"]
    with store.read() as connection:
        assert [entry.body["pruned"] for entry in read_log(connection)] == [[], [], [], ["run-0"], ["run-1"]]


def test_of_results_of_the_same_moment_the_first_recorded_goes(store: Store, make_record: MakeRecord) -> None:
    for name in ("a", "b", "c"):
        record_result(store, make_record(name), actor="ada", at=NOON, keep=2)
    assert runs(store) == ["c", "b"]


def test_what_is_too_old_goes(store: Store, make_record: MakeRecord) -> None:
    record_runs(store, make_record, 0, 1, 2, 5, max_age=3 * HOUR)
    assert runs(store) == ["run-5", "run-2"]


def test_each_model_has_a_history_of_its_own(store: Store, make_record: MakeRecord) -> None:
    record_runs(store, make_record, 0)
    other = ModelVersion(version_id="1", model_id="churn")
    for name, model in (("x", other), ("y", None), ("z", other), ("w", None)):
        record_result(store, make_record(name, model_version=model), actor="ada", at=NOON, keep=1)
    assert sorted(runs(store)) == ["run-0", "w", "z"]


def test_a_history_of_nothing_is_refused(store: Store, make_record: MakeRecord) -> None:
    with pytest.raises(StoreError, match="keep is 0"):
        record_result(store, make_record(), actor="ada", keep=0)


def register(store: Store, version: str, run_id: str | None) -> None:
    row = {"model_id": "credit", "version": version, "run_id": run_id, "body": "{}", "created_by": "ada"}
    with store.write() as connection:
        connection.execute(insert(model_versions), row | {"created_at": 1.0})


def point(store: Store, version: str | None, *, revision: int = 1, evidence: str | None = None) -> None:
    alias = {"model_id": "credit", "alias": "champion", "version": version, "revision": revision}
    move = alias | {"moved_at": 1.0, "moved_by": "ada", "reason": "because", "evidence": evidence}
    with store.write() as connection:
        connection.execute(aliases.delete())
        connection.execute(insert(aliases), alias | {"updated_at": 1.0})
        connection.execute(insert(alias_moves), move)


def later(store: Store, record: IntegrationResult) -> list[str]:
    record_result(store, record, actor="ada", at=record.timestamp, keep=1, max_age=HOUR)
    return runs(store)


def test_evidence_of_the_version_that_an_alias_points_to_stays(store: Store, make_record: MakeRecord) -> None:
    record_runs(store, make_record, 0, 1)
    register(store, "1", "run-0")
    register(store, "2", "run-1")
    point(store, "1")
    assert later(store, make_record("new", timestamp=NOON + 9 * HOUR)) == ["new", "run-0"]
    point(store, "2", revision=2)
    assert later(store, make_record("newer", timestamp=NOON + 19 * HOUR)) == ["newer"]


def test_evidence_of_a_pinned_version_stays(store: Store, make_record: MakeRecord) -> None:
    record_runs(store, make_record, 0, 1)
    register(store, "1", "run-0")
    with store.write() as connection:
        pin = {"holder": "production", "model_id": "credit", "version": "1", "pinned_at": 1.0}
        connection.execute(insert(pins), pin)
    assert later(store, make_record("new", timestamp=NOON + 9 * HOUR)) == ["new", "run-0"]


def test_evidence_of_the_last_move_of_an_alias_stays(store: Store, make_record: MakeRecord) -> None:
    record_runs(store, make_record, 0, 1)
    register(store, "1", None)
    point(store, "1", revision=1, evidence="run-0")
    point(store, "1", revision=2, evidence="run-1")
    assert later(store, make_record("new", timestamp=NOON + 9 * HOUR)) == ["new", "run-1"]


def test_evidence_of_an_alias_that_was_taken_away_goes(store: Store, make_record: MakeRecord) -> None:
    record_runs(store, make_record, 0)
    point(store, None, evidence="run-0")
    assert later(store, make_record("new", timestamp=NOON + 9 * HOUR)) == ["new"]


def test_a_result_that_cannot_be_logged_is_not_recorded(
    store: Store, make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="actor has 201 characters"):
        record_result(store, make_record(), actor="a" * 201, at=NOON)
    assert runs(store) == []
    with store.read() as connection:
        assert connection.execute(select(integration_results)).all() == []
