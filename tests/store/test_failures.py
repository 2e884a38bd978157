"""Databases that fail: one message that says what to do, and nothing half-written."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pytest_mlops.errors import ConflictError, StoreError
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.failures import explain, explain_os
from pytest_mlops.store.log import append, verify_log
from pytest_mlops.store.sqlite import _switch_to_wal

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.store.engine import Store
    from tests.store.conftest import Append


def sqlite_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("the cause")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "SQLITE_BUSY",
            "the store S is locked by another process; wait until that has finished, then repeat",
        ),
        ("SQLITE_BUSY_SNAPSHOT", "is locked"),
        ("SQLITE_LOCKED_SHAREDCACHE", "is locked"),
        ("SQLITE_FULL", "is on a full disk"),
        ("SQLITE_READONLY_DBMOVED", "is read-only"),
        ("SQLITE_CORRUPT_INDEX", "is corrupted"),
        ("SQLITE_NOTADB", "is not a database"),
        ("SQLITE_PERM", "may not be used by this user"),
        ("SQLITE_CANTOPEN_ISDIR", "cannot be opened"),
        ("SQLITE_IOERR_FSYNC", "had an input or output error"),
        ("SQLITE_ERROR", "refused the operation"),
        ("SQLITE_BUSYBODY", "refused the operation"),
    ],
)
def test_what_sqlite_says_is_one_sentence(name: str, message: str) -> None:
    error = explain(sqlite_error(name), "S")
    assert type(error) is StoreError
    assert message in str(error)
    assert str(error).endswith("(the cause)")
    wrapped = explain(DBAPIError("SELECT 1", {}, sqlite_error(name)), "S")
    assert str(wrapped) == str(error)


def test_a_text_that_is_not_utf_8_is_corruption() -> None:
    error = sqlite3.OperationalError("Could not decode to UTF-8 column 'body' with text '\\xff'")
    assert "is corrupted" in str(explain(error, "S"))


class OperationalError(Exception):
    def __init__(self, state: str | None) -> None:
        super().__init__("the cause\nDETAIL: at length")
        self.sqlstate = state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            "08006",
            "the connection to the store S was lost while it was in use; nothing of this change was written",
        ),
        ("57P01", "the connection to the store S was lost"),
        ("28P01", "may not be used by this user"),
        ("42501", "may not be used by this user"),
        ("3D000", "does not exist"),
        ("53100", "is on a full disk"),
        ("53300", "has no connection left"),
        ("55P03", "is locked by another process"),
        ("40001", "was changed by another process at the same time"),
        ("40P01", "was changed by another process at the same time"),
        ("25006", "is read-only"),
        ("XX001", "is corrupted"),
        ("42601", "refused the operation"),
        (None, "cannot be reached"),
    ],
)
def test_what_postgresql_says_is_one_sentence(state: str | None, message: str) -> None:
    error = explain(DBAPIError("SELECT 1", {}, OperationalError(state)), "S")
    assert type(error) is StoreError
    assert message in str(error)
    assert str(error).endswith("(the cause)")


def test_a_row_that_is_there_is_a_conflict() -> None:
    for cause in (sqlite_error("SQLITE_CONSTRAINT_UNIQUE"), OperationalError("23505")):
        assert type(explain(DBAPIError("INSERT", {}, cause), "S")) is ConflictError


def test_a_connection_lost_in_the_commit_leaves_it_open_what_was_written() -> None:
    lost = DBAPIError("COMMIT", {}, OperationalError(None), connection_invalidated=True)
    assert "check whether the change is there" in str(explain(lost, "S", committing=True))
    assert "nothing of this change was written" in str(explain(lost, "S"))


def test_a_pool_without_a_connection_left_says_so() -> None:
    assert "has no connection left" in str(explain(PoolTimeout("none left"), "S"))


def test_an_error_without_a_text_is_named() -> None:
    assert str(explain(sqlite3.Error(), "S")) == "the store S refused the operation (Error)"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "is on a full disk"),
        (errno.EROFS, "is read-only"),
        (errno.EACCES, "may not be used by this user"),
        (errno.ELOOP, "cannot be opened"),
    ],
)
def test_what_the_file_system_says_is_one_sentence(code: int, message: str) -> None:
    assert message in str(explain_os(OSError(code, os.strerror(code)), "S"))


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / ".mlops" / "store.db").mkdir(parents=True)
    with pytest.raises(StoreError, match="is not a database"):
        open_store(folder=tmp_path)


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / ".mlops").touch()
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(folder=tmp_path)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database\n" * 100, encoding="utf-8")
    with pytest.raises(StoreError, match="is not a database; name another file"):
        open_store(f"sqlite:///{path}")
    assert path.read_text(encoding="utf-8") == "not a database\n" * 100


def test_a_corrupted_file_is_reported(tmp_path: Path, log_changes: Append) -> None:
    with open_store(folder=tmp_path) as store:
        log_changes(store, *map(str, range(300)))
    path = tmp_path / ".mlops" / "store.db"
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(StoreError, match="is corrupted; restore it"), open_store(folder=tmp_path) as store:
        log_changes(store, "one more")


def test_a_file_cut_short_is_reported_as_corrupted(tmp_path: Path, log_changes: Append) -> None:
    with open_store(folder=tmp_path) as store:
        log_changes(store, *map(str, range(300)))
    path = tmp_path / ".mlops" / "store.db"
    os.truncate(path, path.stat().st_size // 2)

    def open_and_verify() -> None:
        with open_store(folder=tmp_path) as store, store.read() as connection:
            verify_log(connection)

    with pytest.raises(StoreError, match="is corrupted; restore it"):
        open_and_verify()


def test_a_store_that_another_process_holds_is_reported_as_locked(
    tmp_path: Path, log_changes: Append
) -> None:
    with open_store(folder=tmp_path, timeout=0.2) as store:
        other = sqlite3.connect(tmp_path / ".mlops" / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is locked by another process"):
            log_changes(store, "one")
        other.execute("ROLLBACK")
        other.close()
        log_changes(store, "two")


def test_a_new_file_that_another_process_holds_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / ".mlops" / "store.db"
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="is locked by another process"):
        open_store(folder=tmp_path, timeout=0.1)
    release = threading.Timer(0.3, other.execute, ["ROLLBACK"])
    release.start()
    with open_store(folder=tmp_path, timeout=20) as store, store.read() as connection:
        assert verify_log(connection).entries == 0
    release.join()
    other.close()


def test_a_file_system_without_shared_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_mlops.store.sqlite._switch_to_wal", lambda *_, **__: "delete")
    with pytest.raises(StoreError, match=r"cannot keep a write-ahead log there \(journal mode delete\)"):
        open_store(folder=tmp_path)


def test_what_the_caller_raises_is_the_caller_s(store: Store) -> None:
    for scope in (store.read, store.write):
        with pytest.raises(FileNotFoundError), scope():
            raise FileNotFoundError


def pid_of(connection: object) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())  # type: ignore[attr-defined]


def end(store: Store, pid: int) -> None:
    """End a connection from the server's side and wait until it is gone."""
    with store.write() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        gone = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        while connection.execute(gone, {"pid": pid}).scalar():
            time.sleep(0.01)
            connection.execute(text("SELECT pg_stat_clear_snapshot()"))


def test_a_connection_lost_in_a_transaction_leaves_nothing(
    postgres_database: str, log_changes: Append
) -> None:
    from tests.store.conftest import NOON

    with open_store(postgres_database) as store, open_store(postgres_database) as other:
        log_changes(store, "before")

        def lose() -> None:
            with store.write() as connection:
                append(connection, kind="k", subject="lost", body={}, actor="ada", at=NOON)
                end(other, pid_of(connection))
                append(connection, kind="k", subject="lost", body={}, actor="ada", at=NOON)

        with pytest.raises(StoreError, match="was lost while it was in use; nothing of this change"):
            lose()
        log_changes(store, "after")
        with store.read() as connection:
            assert verify_log(connection).entries == 2


def test_a_connection_lost_before_the_commit_is_not_reported_as_undone(postgres_database: str) -> None:
    with open_store(postgres_database) as store, open_store(postgres_database) as other:

        def lose() -> None:
            with store.write() as connection:
                end(other, pid_of(connection))

        with pytest.raises(StoreError, match="check whether the change is there"):
            lose()


def test_a_connection_lost_while_nobody_used_it_is_not_noticed(
    postgres_database: str, log_changes: Append
) -> None:
    with open_store(postgres_database) as store, open_store(postgres_database) as other:
        with store.write() as connection:
            pid = pid_of(connection)
        end(other, pid)
        log_changes(store, "after")
        with store.read() as connection:
            assert verify_log(connection).entries == 1


def test_a_server_that_is_not_there_is_reported(postgres_url: str) -> None:
    with pytest.raises(StoreError, match=r"t@127.0.0.1:9/x cannot be reached; check that its server runs"):
        open_store("postgresql://t@127.0.0.1:9/x")
    with pytest.raises(StoreError, match="nowhere"):
        open_store(postgres_url.replace("/postgres", "/nowhere"))


def test_a_reader_on_postgresql_waits_no_longer_than_told_for_a_lock(postgres_database: str) -> None:
    with (
        open_store(postgres_database) as store,
        open_store(postgres_database, timeout=0.1) as other,
        store.write() as connection,
    ):
        connection.execute(text("LOCK TABLE log IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StoreError, match="is locked by another process"), other.read() as reading:
            verify_log(reading)


def test_a_switch_of_a_new_file_that_is_told_locked_at_once_is_tried_again() -> None:
    class Connection:
        tries = 0

        def execute(self, statement: str) -> Connection:
            self.tries += statement.endswith("WAL")
            if statement.endswith("WAL") and self.tries < 3:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return self

        def fetchone(self) -> tuple[str]:
            return ("wal" if self.tries == 3 else "delete",)

    connection: Any = Connection()
    assert _switch_to_wal(connection, deadline=time.monotonic() + 20) == "wal"
    assert connection.tries == 3
