"""Reading and writing a store, on each database."""

from __future__ import annotations

import multiprocessing
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from pytest_mlops.errors import ConflictError, StoreError
from pytest_mlops.store.address import resolve_address
from pytest_mlops.store.engine import Store, open_store, store_exists
from pytest_mlops.store.log import verify_log
from pytest_mlops.store.schema import aliases, model_versions, version_tags

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from tests.store.conftest import Append

ALIAS = {"model_id": "credit", "alias": "champion", "version": "1", "revision": 1, "updated_at": 1.5}


def put(connection: Connection, **changes: object) -> None:
    connection.execute(insert(aliases), ALIAS | changes)


def names(store: Store) -> list[str]:
    with store.read() as connection:
        return sorted(connection.execute(select(aliases.c.alias)).scalars())


def test_what_is_written_is_read(store: Store) -> None:
    with store.write() as connection:
        put(connection)
    with store.read() as connection:
        assert dict(connection.execute(select(aliases)).mappings().one()) == ALIAS


def test_an_exception_undoes_all_of_a_write(store: Store) -> None:
    def fail_halfway() -> None:
        with store.write() as connection:
            put(connection)
            put(connection, alias="challenger")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert names(store) == []


def test_a_read_sees_one_moment(store: Store) -> None:
    with store.write() as connection:
        put(connection)
    with store.read() as reading:
        before = reading.execute(select(aliases.c.alias)).scalars().all()
        with store.write() as writing:
            put(writing, alias="challenger")
        assert reading.execute(select(aliases.c.alias)).scalars().all() == before == ["champion"]
    assert names(store) == ["challenger", "champion"]


def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match="is read-only"), store.read() as connection:
        put(connection)
    assert names(store) == []


def test_a_reader_is_no_writer_after_it_failed(store: Store) -> None:
    with pytest.raises(StoreError), store.read() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    with store.write() as connection:
        put(connection)
    with pytest.raises(StoreError, match="is read-only"), store.read() as connection:
        put(connection, alias="challenger")


def test_the_same_key_twice_is_a_conflict(store: Store) -> None:
    with store.write() as connection:
        put(connection)
    twice = [ALIAS | {"alias": "challenger"}, ALIAS]
    with pytest.raises(ConflictError, match="another process wrote the same"), store.write() as connection:
        connection.execute(insert(aliases), twice)
    assert names(store) == ["champion"]


def test_a_caller_can_handle_the_database_s_own_exception(store: Store) -> None:
    with store.write() as connection:
        put(connection)
    with store.write() as connection:
        with pytest.raises(IntegrityError), connection.begin_nested():
            put(connection)
        put(connection, alias="challenger")
    assert names(store) == ["challenger", "champion"]


def test_a_row_cannot_refer_to_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="refused the operation"), store.write() as connection:
        connection.execute(insert(version_tags), {"version_id": 7, "tag": "x", "value": ""})


def test_tags_go_with_their_version(store: Store) -> None:
    version = {"model_id": "credit", "version": "1", "body": "{}", "created_at": 1.0, "created_by": "ada"}
    with store.write() as connection:
        (number,) = connection.execute(insert(model_versions), version).inserted_primary_key or (0,)
        connection.execute(insert(version_tags), {"version_id": number, "tag": "x", "value": ""})
        connection.execute(model_versions.delete())
        assert connection.execute(select(version_tags)).all() == []


def test_writers_of_many_threads_lose_nothing(store: Store) -> None:
    with store.write() as connection:
        put(connection)

    def raise_revision(_: int) -> None:
        with store.write() as connection:
            old = connection.execute(select(aliases.c.revision).with_for_update()).scalar_one()
            connection.execute(aliases.update().values(revision=old + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(raise_revision, range(80)))
    with store.read() as connection:
        assert connection.execute(select(aliases.c.revision)).scalar_one() == 81


def test_a_lock_is_waited_for_no_longer_than_told(store: Store, store_url: str) -> None:
    with store.write() as connection:
        put(connection)
    with open_store(store_url, timeout=0.2) as other, store.write() as connection:
        connection.execute(aliases.update().values(revision=2))
        with pytest.raises(StoreError, match="is locked by another process"), other.write() as waiting:
            waiting.execute(aliases.update().values(revision=3))
    with store.read() as connection:
        assert connection.execute(select(aliases.c.revision)).scalar_one() == 2


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError, match="was closed"), store.read():
        pass
    with pytest.raises(StoreError, match="was closed"), store.write():
        pass


def test_a_store_is_there_again_when_opened_again(store: Store, store_url: str) -> None:
    with store.write() as connection:
        put(connection)
    store.close()
    with open_store(store_url) as again:
        assert names(again) == ["champion"]


def test_threads_that_open_a_new_store_at_once_all_do(store_url: str) -> None:
    barrier = threading.Barrier(4)

    def open_and_count(_: int) -> int:
        barrier.wait()
        with open_store(store_url) as opened, opened.read() as connection:
            return verify_log(connection).entries

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_and_count, range(4))) == [0] * 4


OPEN = """
import sys
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.log import verify_log
sys.stdin.readline()
with open_store(sys.argv[1]) as store, store.read() as connection:
    print(verify_log(connection).entries)
"""


def test_processes_that_open_a_new_store_at_once_all_do(store_url: str) -> None:
    command = [sys.executable, "-c", OPEN, store_url]
    started = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in started]
    assert answers == [("0\n", "")] * 3


def _append_in_child(store: Store, log_changes: Append) -> None:
    log_changes(store, "child")


def test_a_forked_process_has_connections_of_its_own(store: Store, log_changes: Append) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows does not fork")
    log_changes(store, "parent")
    child = multiprocessing.get_context("fork").Process(target=_append_in_child, args=(store, log_changes))
    child.start()
    log_changes(store, "parent")
    child.join(30)
    assert child.exitcode == 0
    log_changes(store, "parent")
    with store.read() as connection:
        assert verify_log(connection).entries == 4


def test_a_process_forked_while_the_store_was_in_use_may_not_use_it(store: Store) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows does not fork")
    reading, writing = os.pipe()
    with store.read():
        child = os.fork()
        if child == 0:
            try:
                with store.write():
                    os.write(writing, b"let in")
            except StoreError as error:
                os.write(writing, str(error).encode())
            finally:
                os._exit(0)
    os.waitpid(child, 0)
    assert b"was in use when this process was forked" in os.read(reading, 1000)
    os.close(reading)
    os.close(writing)


def test_the_default_is_a_file_below_the_folder(tmp_path: Path) -> None:
    assert not store_exists(folder=tmp_path)
    with open_store(folder=tmp_path) as store:
        assert store.url == f"sqlite:///{tmp_path}/.mlops/store.db"
        assert repr(store) == f"Store({store.url!r})"
    assert store_exists(folder=tmp_path)
    assert (tmp_path / ".mlops" / "store.db").is_file()


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    with open_store(folder=tmp_path) as store, store.write() as connection:
        put(connection)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / ".mlops").glob("store.db*")}
    assert modes == {0o600}


def test_a_commit_is_durable_and_written_ahead(tmp_path: Path) -> None:
    with open_store(folder=tmp_path, timeout=7) as store:
        for scope in (store.read, store.write):
            with scope() as connection:
                settings = [
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                    for name in ("journal_mode", "synchronous", "busy_timeout")
                ]
            assert settings == ["wal", 2, 7000]


def test_the_environment_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_STORE_URL", "sqlite:///other.db")
    with open_store(folder=tmp_path) as store:
        assert store.url == f"sqlite:///{tmp_path}/other.db"
    with open_store("sqlite:///third.db", folder=tmp_path) as store:
        assert store.url == f"sqlite:///{tmp_path}/third.db"


def test_asking_whether_a_store_exists_makes_none(store_url: str, tmp_path: Path) -> None:
    assert store_exists(store_url) == store_url.startswith("postgresql")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://root@host/db", "starts with 'mysql'; expected sqlite:///PATH or postgresql://"),
        ("postgresql+asyncpg://host/db", r"starts with 'postgresql\+asyncpg'; expected"),
        ("nonsense", "cannot be read; expected sqlite:///PATH"),
        ("sqlite://", "expected only the path of a file"),
        ("sqlite:///:memory:", "expected only the path of a file"),
        ("sqlite:///x.db?mode=ro", "expected only the path of a file"),
        ("sqlite:///file:x.db", "expected only the path of a file"),
    ],
)
def test_a_url_that_means_no_store_is_refused(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=message):
        open_store(url, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_password_is_never_shown() -> None:
    pytest.importorskip("psycopg")
    address = resolve_address("postgresql://ada:hush@127.0.0.1:1/x", folder=None)  # type: ignore[arg-type]
    assert "hush" not in repr(address)
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://ada:hush@127.0.0.1:1/x")
    assert "postgresql://ada:***@127.0.0.1:1/x cannot be reached" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_missing_driver_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlops.store.address.find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"pip install 'pytest-mlops\[postgres\]'"):
        open_store("postgresql://host/db")


WITHOUT = """
import sys
sys.modules["{module}"] = None
sys.modules.pop("pytest_mlops.store", None)
import importlib.util as util
found = util.find_spec
util.find_spec = lambda name, *rest: None if name == "{module}" else found(name, *rest)
from pytest_mlops.errors import StoreError
try:
    import pytest_mlops.store.engine
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("module", ["sqlalchemy", "alembic"])
def test_a_missing_extra_is_named_with_the_command(module: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(module=module)], capture_output=True, text=True, check=True
    )
    assert "pip install 'pytest-mlops[ops]'" in run.stdout


def test_options_of_a_postgresql_url_are_kept(postgres_database: str) -> None:
    url = f"{postgres_database}?options=-c%20search_path%3Dpg_catalog&connect_timeout=3"
    with pytest.raises(StoreError), open_store(url):
        pass
    with open_store(f"{postgres_database}?options=-c%20work_mem%3D5MB") as store, store.read() as connection:
        assert connection.exec_driver_sql("SHOW work_mem").scalar() == "5MB"
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "1min"
