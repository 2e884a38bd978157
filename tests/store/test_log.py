"""The hash-chained log: what is appended is read, and no change of it goes unnoticed."""

from __future__ import annotations

import hashlib
import math
import struct
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from pytest_mlops.errors import EvidenceError, StoreError
from pytest_mlops.store import log as log_module
from pytest_mlops.store.log import NOTHING_BEFORE, append, read_log, take_write_lock, verify_log
from pytest_mlops.store.schema import log, log_head

if TYPE_CHECKING:
    from pytest_mlops.store.engine import Store
    from pytest_mlops.store.log import LogReport
    from tests.store.conftest import Append

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUBJECTS = ("one", "two", "three", "four", "five")


def verified(store: Store, head: str | None = None) -> LogReport:
    with store.read() as connection:
        return verify_log(connection, head=head)


def refusal(store: Store, head: str | None = None) -> str:
    with pytest.raises(EvidenceError) as caught:
        verified(store, head)
    return str(caught.value)


def change(store: Store, *statements: Any) -> None:
    with store.write() as connection:
        for statement in statements:
            connection.execute(statement)


def rehash(store: Store, first: int) -> None:
    """Make every hash from ``first`` on again, as anyone who can write to the database could."""
    with store.write() as connection:
        rows = [dict(row) for row in connection.execute(select(log).order_by(log.c.seq)).mappings()]
        previous = NOTHING_BEFORE
        for row in rows:
            if row["seq"] >= first:
                row["previous"] = previous
                row["hash"] = log_module._hash(**{k: v for k, v in row.items() if k != "hash"})
                connection.execute(update(log).where(log.c.seq == row["seq"]).values(row))
            previous = row["hash"]
        connection.execute(update(log_head).values(seq=rows[-1]["seq"], hash=previous))


def test_an_empty_log_holds(store: Store) -> None:
    report = verified(store)
    assert (report.entries, report.head) == (0, NOTHING_BEFORE)
    assert verified(store, NOTHING_BEFORE) == report


def test_what_is_appended_is_read_back(store: Store) -> None:
    at = datetime(2026, 11, 23, 13, 0, 0, 123457, tzinfo=timezone(timedelta(hours=1)))
    body = {"b": [1, 2.5, None, True], "a": {"é": "\U0001f600 \0 \ud800"}}
    with store.write() as connection:
        written = append(connection, kind="alias", subject="credit", body=body, actor="Ada É", at=at)
    with store.read() as connection:
        (entry,) = read_log(connection)
    assert entry == written
    assert (entry.seq, entry.actor, entry.kind, entry.subject) == (1, "Ada É", "alias", "credit")
    assert entry.body == body
    assert entry.at == at
    assert entry.at.tzinfo is UTC


def test_the_hash_is_the_documented_one(store: Store, log_changes: Append) -> None:
    log_changes(store, "one")
    (second,) = log_changes(store, "two")
    fields = [
        (2).to_bytes(8, "big"),
        struct.pack(">d", NOON.timestamp()),
        *(text.encode() for text in ("ada", "test", "two", '{"n":1}', second.previous)),
    ]
    encoded = b"".join(len(field).to_bytes(8, "big") + field for field in fields)
    assert second.hash == hashlib.sha256(b"pytest-mlops log entry 1\n" + encoded).hexdigest()


def test_entries_are_numbered_without_a_gap_and_chained(store: Store, log_changes: Append) -> None:
    entries = log_changes(store, *SUBJECTS)
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.previous for entry in entries] == [NOTHING_BEFORE, *(entry.hash for entry in entries[:-1])]
    assert verified(store).head == entries[-1].hash


def test_a_transaction_that_fails_leaves_no_entry(store: Store, log_changes: Append) -> None:
    log_changes(store, "one")

    def fail() -> None:
        with store.write() as connection:
            append(connection, kind="k", subject="s", body={}, actor="ada", at=NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    log_changes(store, "two")
    assert verified(store).entries == 2


def test_many_entries_of_one_transaction_are_chained(store: Store) -> None:
    with store.write() as connection:
        for number in range(10):
            append(connection, kind="k", subject=str(number), body={}, actor="ada", at=NOON)
    assert verified(store).entries == 10


def test_writers_of_many_threads_make_one_chain(store: Store, log_changes: Append) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: log_changes(store, f"s{number}"), range(60)))
    assert verified(store).entries == 60


def test_the_log_is_read_by_kind_by_subject_and_in_pages(store: Store) -> None:
    with store.write() as connection:
        for number in range(6):
            append(connection, kind="ab"[number % 2], subject=f"s{number % 3}", body={}, actor="ada", at=NOON)
    with store.read() as connection:
        assert [entry.seq for entry in read_log(connection, kind="a")] == [1, 3, 5]
        assert [entry.seq for entry in read_log(connection, subject="s1")] == [2, 5]
        assert [entry.seq for entry in read_log(connection, kind="a", subject="s1")] == [5]
        assert [entry.seq for entry in read_log(connection, limit=2)] == [1, 2]
        assert [entry.seq for entry in read_log(connection, after=2, limit=2)] == [3, 4]
        assert read_log(connection, after=6) == []


@pytest.mark.parametrize("seq", [1, 3, 5])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", NOON.timestamp() + 1),
        ("actor", "eve"),
        ("kind", "other"),
        ("subject", "sixth"),
        ("body", '{"n":2}'),
        ("body", '{"n": 1}'),
        ("body", ""),
        ("previous", "f" * 64),
        ("hash", "f" * 64),
        ("hash", ""),
    ],
)
def test_a_changed_entry_is_named(
    store: Store, log_changes: Append, seq: int, column: str, value: object
) -> None:
    log_changes(store, *SUBJECTS)
    change(store, update(log).where(log.c.seq == seq).values({column: value}))
    assert refusal(store).startswith(f"entry {seq} of the log ")


def test_a_text_moved_from_one_field_to_the_next_is_noticed(store: Store) -> None:
    with store.write() as connection:
        append(connection, kind="ab", subject="c", body={}, actor="ada", at=NOON)
    change(store, update(log).values(kind="a", subject="bc"))
    assert "entry 1 of the log was changed" in refusal(store)


def test_a_removed_entry_is_named(store: Store, log_changes: Append) -> None:
    log_changes(store, *SUBJECTS)
    change(store, delete(log).where(log.c.seq == 3))
    assert refusal(store) == "entry 3 of the log is missing; entry 4 follows instead"


def test_a_removed_entry_is_noticed_though_the_others_close_ranks(store: Store, log_changes: Append) -> None:
    log_changes(store, *SUBJECTS)
    change(
        store,
        delete(log).where(log.c.seq == 3),
        update(log).where(log.c.seq == 4).values(seq=3),
        update(log).where(log.c.seq == 5).values(seq=4),
    )
    assert refusal(store).startswith("entry 3 of the log follows the hash")


def test_swapped_entries_are_noticed(store: Store, log_changes: Append) -> None:
    log_changes(store, *SUBJECTS)
    change(
        store,
        update(log).where(log.c.seq == 2).values(seq=99),
        update(log).where(log.c.seq == 3).values(seq=2),
        update(log).where(log.c.seq == 99).values(seq=3),
    )
    assert refusal(store).startswith("entry 2 of the log ")


@pytest.mark.parametrize(("seq", "message"), [(0, "an entry 0 before its first"), (6, "entry 6, the last")])
def test_an_inserted_entry_is_noticed(store: Store, log_changes: Append, seq: int, message: str) -> None:
    last = log_changes(store, *SUBJECTS)[-1]
    row: dict[str, Any] = {
        "seq": seq,
        "at": NOON.timestamp(),
        "actor": "eve",
        "kind": "k",
        "subject": "s",
        "body": "{}",
        "previous": last.hash if seq else NOTHING_BEFORE,
    }
    change(store, insert(log).values(**row, hash=log_module._hash(**row)))
    assert message in refusal(store)


def test_a_log_that_was_cut_off_is_noticed(store: Store, log_changes: Append) -> None:
    log_changes(store, *SUBJECTS)
    change(store, delete(log).where(log.c.seq > 3))
    assert refusal(store) == "the log ends with entry 3; its head names entry 5"
    change(store, delete(log))
    assert refusal(store) == "the log ends with entry 0; its head names entry 5"


def test_a_head_that_was_changed_or_removed_is_noticed(store: Store, log_changes: Append) -> None:
    log_changes(store, *SUBJECTS)
    change(store, update(log_head).values(hash="f" * 64))
    assert "entry 5, the last of the log, has the hash" in refusal(store)
    change(store, update(log_head).values(seq=4))
    assert "the head states entry 4" in refusal(store)
    change(store, delete(log_head))
    assert refusal(store) == "the head of the log is missing"


@pytest.mark.parametrize("take", [append, take_write_lock])
def test_nothing_is_appended_to_a_log_without_a_head(store: Store, take: Any) -> None:
    change(store, delete(log_head))
    entry = {"kind": "k", "subject": "s", "body": {}, "actor": "ada", "at": NOON} if take is append else {}
    with pytest.raises(StoreError, match="head of the log is missing"), store.write() as connection:
        take(connection, **entry)


def test_a_log_cut_off_together_with_its_head_is_noticed_with_a_kept_head(
    store: Store, log_changes: Append
) -> None:
    entries = log_changes(store, *SUBJECTS)
    change(
        store,
        delete(log).where(log.c.seq > 3),
        update(log_head).values(seq=3, hash=entries[2].hash),
    )
    assert verified(store).entries == 3
    assert f"no entry with the hash {entries[-1].hash}" in refusal(store, entries[-1].hash)


def test_a_log_that_was_rewritten_is_noticed_with_a_kept_head(store: Store, log_changes: Append) -> None:
    entries = log_changes(store, *SUBJECTS)
    change(store, update(log).where(log.c.seq == 2).values(actor="eve"))
    rehash(store, 2)
    assert verified(store).entries == 5
    assert verified(store, entries[0].hash).entries == 5
    assert "rewritten" in refusal(store, entries[-1].hash)


def test_a_head_kept_earlier_is_still_part_of_a_log_that_grew(store: Store, log_changes: Append) -> None:
    head = log_changes(store, *SUBJECTS)[-1].hash
    log_changes(store, "later")
    assert verified(store, head).entries == 6


def test_every_entry_of_a_long_log_is_checked(
    store: Store, log_changes: Append, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_BATCH", 2)
    log_changes(store, *SUBJECTS)
    assert verified(store).entries == 5
    change(store, update(log).where(log.c.seq == 4).values(actor="eve"))
    assert refusal(store).startswith("entry 4 ")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"body": {"x": math.nan}}, "must be JSON"),
        ({"body": {"x": math.inf}}, "must be JSON"),
        ({"body": {"x": NOON}}, "must be JSON"),
        ({"actor": "a" * 201}, "actor has 201 characters"),
        ({"kind": "a" * 81}, "kind has 81 characters"),
        ({"subject": "a" * 501}, "subject has 501 characters"),
        ({"subject": "a\0b"}, "a NUL or half a surrogate pair"),
        ({"actor": "\ud800"}, "a NUL or half a surrogate pair"),
        ({"at": datetime(2026, 1, 1)}, "with a time zone"),  # noqa: DTZ001 -- what is refused
    ],
)
def test_what_cannot_be_an_entry_is_refused(store: Store, values: dict[str, Any], message: str) -> None:
    entry: dict[str, Any] = {"kind": "k", "subject": "s", "body": {}, "actor": "ada", "at": NOON}
    with pytest.raises(StoreError, match=message), store.write() as connection:
        append(connection, **entry | values)
    assert verified(store).entries == 0


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("column", "value"), [("at", "noon"), ("actor", b"ada"), ("body", None)])
def test_a_value_of_another_type_is_a_changed_entry(
    store: Store, log_changes: Append, column: str, value: object
) -> None:
    log_changes(store, "one")
    with store.write() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        if value is None:
            connection.exec_driver_sql("UPDATE log SET body = x'00ff'")
        else:
            connection.exec_driver_sql(f"UPDATE log SET {column} = ?", (value,))
    assert refusal(store).startswith("entry 1 of the log was changed after it was written")


def test_an_entry_that_cannot_be_read_is_named(store: Store, log_changes: Append) -> None:
    log_changes(store, "one", "two")
    change(store, update(log).where(log.c.seq == 2).values(body="{"))
    with pytest.raises(EvidenceError, match="entry 2 of the log was changed"), store.read() as connection:
        read_log(connection)


TEXTS = st.text(max_size=5)
ENTRIES = st.tuples(st.integers(0, 2**63 - 1), st.floats(allow_nan=False), TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)


@given(ENTRIES, ENTRIES)
def test_different_entries_have_different_hashes(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    names = ("seq", "at", "actor", "kind", "subject", "body", "previous")
    hashes = [log_module._hash(**dict(zip(names, entry, strict=True))) for entry in (one, other)]
    same = repr(one) == repr(other)
    assert (hashes[0] == hashes[1]) == same


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_verifying_a_long_log_needs_no_more_memory_than_a_short_one(store: Store) -> None:
    def grow(count: int) -> int:
        with store.write() as connection:
            for _ in range(count):
                append(connection, kind="k", subject="s", body={"x": "y" * 200}, actor="ada", at=NOON)
        tracemalloc.start()
        try:
            verified(store)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    grow(100)
    short = grow(1900)
    assert grow(8000) < 1.5 * short
