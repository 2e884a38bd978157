"""A cheap question: was anything written?"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import StoreError
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.schema import monitored

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.store.engine import Store


def write(store: Store, name: str) -> None:
    row = {"deployment_id": name, "environment": "production", "started_at": 0.0, "body": "{}"}
    with store.write() as connection:
        connection.execute(monitored.insert().values(**row))


def test_changes_are_told_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with open_store(url) as store, open_store(url) as other, store.changes() as changed:
        assert [changed(), changed()] == [True, False]
        write(other, "a")
        assert [changed(), changed()] == [True, False]
        write(store, "b")  # by another connection of the same store
        assert [changed(), changed()] == [True, False]
        with store.read() as connection:
            connection.execute(monitored.select()).all()
        assert not changed()
        with pytest.raises(ZeroDivisionError), store.write():
            1 / 0  # noqa: B018
        assert not changed()


def test_a_store_that_fails_says_so_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}") as store:
        with pytest.raises(StoreError, match=r"store\.db"), store.changes():
            raise sqlite3.OperationalError("disk I/O error")
        with store.changes() as changed:
            assert changed()
    with pytest.raises(StoreError, match="was closed"), store.changes():
        pass
