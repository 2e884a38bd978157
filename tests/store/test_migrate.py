"""Migrations: stores of older versions are brought forward whole, others refused."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, insert, inspect, select, text

from pytest_mlops.errors import StoreError
from pytest_mlops.store import migrate
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.log import verify_log
from pytest_mlops.store.migrate import SCRIPTS, backup_path, known_revisions
from pytest_mlops.store.migrations import REVISION_TABLE
from pytest_mlops.store.schema import metadata, model_versions, version_tags

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.store.engine import Store
    from tests.store.conftest import Append

HEAD = known_revisions(SCRIPTS)[-1]
NEXT = f"{int(HEAD) + 1:04}"

MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{NEXT}", "{HEAD}"


def upgrade():
    op.add_column("log_head", sa.Column("note", sa.String(20)))
    recreate = "always" if op.get_context().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("model_versions", recreate=recreate) as table:
        table.alter_column("parent", new_column_name="made_from")
    {{rest}}
"""


def add_revision(folder: Path, monkeypatch: pytest.MonkeyPatch, rest: str = "pass") -> None:
    """Let the package know one revision more than it does."""
    scripts = folder / "migrations 100%"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / f"{NEXT}_next.py").write_text(MIGRATION.format(rest=rest), encoding="utf-8")
    monkeypatch.setattr(migrate, "SCRIPTS", scripts)


def fill(store: Store, log_changes: Append) -> None:
    log_changes(store, "one", "two")
    version = {"model_id": "credit", "version": "1", "body": "{}", "created_at": 1.0, "created_by": "ada"}
    with store.write() as connection:
        connection.execute(insert(model_versions), version | {"id": 1, "parent": "0"})
        connection.execute(insert(version_tags), {"version_id": 1, "tag": "x", "value": ""})


def revision_of(store: Store) -> str | None:
    with store.read() as connection:
        return connection.execute(text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar()


def test_the_migrated_tables_are_those_of_the_schema(store: Store) -> None:
    options = {"version_table": REVISION_TABLE, "compare_type": True, "compare_server_default": True}
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        names = set(inspect(connection).get_table_names())
    assert names == {*metadata.tables, REVISION_TABLE}


def test_the_constraints_and_indexes_are_those_of_the_schema(store: Store) -> None:
    with store.read() as connection:
        found = inspect(connection)
        for name, table in metadata.tables.items():
            assert set(found.get_pk_constraint(name)["constrained_columns"]) == set(
                table.primary_key.columns.keys()
            )
            assert found.get_pk_constraint(name)["name"] == table.primary_key.name
            indexes = {
                (index["name"], *index["column_names"])
                for index in found.get_indexes(name)
                if "duplicates_constraint" not in index
            }
            assert indexes == {(index.name, *index.columns.keys()) for index in table.indexes}
            foreign = {(key["name"], key["options"].get("ondelete")) for key in found.get_foreign_keys(name)}
            assert foreign == {(key.name, key.ondelete) for key in table.foreign_key_constraints}


def test_revisions_are_one_line_in_the_order_of_their_numbers() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    line = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert line[::-1] == known_revisions(SCRIPTS)


OPEN = """
import sys
from pytest_mlops.store.engine import open_store
open_store(sys.argv[1]).close()
print("alembic" in sys.modules)
"""


def test_an_up_to_date_store_is_opened_without_alembic(store: Store, store_url: str) -> None:
    store.close()
    run = subprocess.run([sys.executable, "-c", OPEN, store_url], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_an_older_store_is_migrated_with_what_is_in_it(
    store: Store, store_url: str, log_changes: Append, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, log_changes)
    assert revision_of(store) == HEAD
    store.close()
    add_revision(tmp_path, monkeypatch)
    with open_store(store_url) as newer, newer.read() as connection:
        assert revision_of(newer) == NEXT
        assert verify_log(connection).entries == 2
        assert connection.execute(text("SELECT made_from FROM model_versions")).scalar() == "0"
        assert connection.execute(select(version_tags.c.tag)).scalars().all() == ["x"]
        assert "note" in {column["name"] for column in inspect(connection).get_columns("log_head")}


def test_a_new_store_goes_through_every_revision(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_revision(tmp_path, monkeypatch)
    with open_store(store_url) as store:
        assert revision_of(store) == NEXT


@pytest.mark.parametrize("rest", ['raise RuntimeError("halfway")', 'op.execute("SELECT halfway")'])
def test_a_migration_that_fails_leaves_the_store_as_it_was(
    store: Store,
    store_url: str,
    log_changes: Append,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rest: str,
) -> None:
    fill(store, log_changes)
    store.close()
    with monkeypatch.context() as patch:
        add_revision(tmp_path, patch, rest)
        with pytest.raises(StoreError, match="halfway"):
            open_store(store_url)
    with open_store(store_url) as again, again.read() as connection:
        assert revision_of(again) == HEAD
        assert connection.execute(select(model_versions.c.parent)).scalar() == "0"
        assert connection.execute(select(version_tags.c.tag)).scalar() == "x"
        assert verify_log(connection).entries == 2


def test_threads_that_open_an_older_store_at_once_migrate_it_once(
    store: Store, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    add_revision(tmp_path, monkeypatch)

    def open_and_look(_: int) -> str | None:
        with open_store(store_url) as opened:
            return revision_of(opened)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_and_look, range(4))) == [NEXT] * 4


def test_a_process_waits_while_another_migrates(postgres_database: str) -> None:
    engine = create_engine(postgres_database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": migrate._ADVISORY_KEY})
        with pytest.raises(StoreError, match="is locked by another process"):
            open_store(postgres_database, timeout=0.1)
    engine.dispose()
    with open_store(postgres_database) as store:
        assert revision_of(store) == HEAD


def test_a_newer_store_is_refused(store: Store, store_url: str) -> None:
    with store.write() as connection:
        connection.execute(text(f"UPDATE {REVISION_TABLE} SET version_num = '0999'"))
    store.close()
    with pytest.raises(StoreError, match=rf"has revision 0999, newer than {HEAD}, .*pip install --upgrade"):
        open_store(store_url)


def test_a_database_of_another_program_is_refused(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    url = store_url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE model_versions (name TEXT)"))
    with pytest.raises(StoreError, match="contains a table 'model_versions' of another program"):
        open_store(store_url)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == ["model_versions"]
    engine.dispose()


def test_tables_of_other_names_are_left_alone(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
    with open_store(store_url) as store:
        assert revision_of(store) == HEAD
    engine.dispose()


def older(folder: Path, log_changes: Append) -> Path:
    with open_store(folder=folder) as store:
        fill(store, log_changes)
    return folder / ".mlops" / "store.db"


def test_a_backup_is_kept_beside_an_sqlite_store(
    tmp_path: Path, log_changes: Append, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = older(tmp_path, log_changes)
    add_revision(tmp_path, monkeypatch)
    open_store(folder=tmp_path).close()
    backup = backup_path(path, HEAD)
    assert backup.name == f"store.db.revision-{HEAD}.backup"
    assert backup.stat().st_mode & 0o777 == 0o600
    monkeypatch.undo()
    with open_store(f"sqlite:///{backup}") as store, store.read() as connection:
        assert revision_of(store) == HEAD
        assert verify_log(connection).entries == 2
        assert connection.execute(select(model_versions.c.parent)).scalar() == "0"


def test_a_new_store_has_no_backup(tmp_path: Path) -> None:
    with open_store(folder=tmp_path):
        names = {path.name for path in (tmp_path / ".mlops").iterdir()}
    assert names <= {".gitignore", "store.db", "store.db-wal", "store.db-shm"}


def test_without_a_backup_nothing_is_migrated(
    tmp_path: Path, log_changes: Append, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = older(tmp_path, log_changes)
    backup_path(path, HEAD).mkdir()
    with monkeypatch.context() as patch:
        add_revision(tmp_path, patch)
        with pytest.raises(StoreError, match="is not a database"):
            open_store(folder=tmp_path)
    with open_store(folder=tmp_path) as store:
        assert revision_of(store) == HEAD
    assert not list(path.parent.glob(".*.tmp"))


def test_a_migration_that_leaves_references_to_nothing_is_undone(
    tmp_path: Path, log_changes: Append, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = older(tmp_path, log_changes)
    with monkeypatch.context() as patch:
        add_revision(tmp_path, patch, 'op.execute("DELETE FROM model_versions")')
        with pytest.raises(StoreError, match="1 rows of version_tags would refer to missing rows"):
            open_store(folder=tmp_path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM model_versions").fetchone() == (1,)
    connection.close()
