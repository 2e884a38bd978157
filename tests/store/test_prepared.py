"""Prepared statements do what the statement does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import bindparam, insert, select, update

from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import aliases

if TYPE_CHECKING:
    from pytest_mlops.store.engine import Store

ROW = {"model_id": "credit %s", "alias": "champion", "version": None, "revision": 1, "updated_at": 0.1}


def test_rows_are_inserted_changed_and_selected(store: Store) -> None:
    put = Prepared(insert(aliases), columns=list(ROW))
    move = Prepared(
        update(aliases)
        .where(aliases.c.alias == bindparam("of"), aliases.c.revision == 1)
        .values(version=bindparam("to"), revision=aliases.c.revision + 1)
    )
    find = Prepared(select(aliases).where(aliases.c.model_id == bindparam("of")).with_for_update())
    with store.write() as connection:
        put.run(connection, ROW)
        assert move.run(connection, {"of": "champion", "to": "2"}).rowcount == 1
        assert move.run(connection, {"of": "champion", "to": "3"}).rowcount == 0
        row = find.run(connection, {"of": "credit %s"}).one()
        assert dict(row._mapping) == ROW | {"version": "2", "revision": 2}


def test_a_missing_value_is_an_error(store: Store) -> None:
    find = Prepared(select(aliases).where(aliases.c.model_id == bindparam("of")))
    with pytest.raises(KeyError, match="of"), store.write() as connection:
        find.run(connection, {})
