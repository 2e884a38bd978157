"""The pointer moves by compare-and-set, and each move is in the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import ConflictError
from pytest_mlops.state.pointer import NOWHERE, Pointer, move_pointer, read_pointer
from pytest_mlops.store.log import read_log, verify_log

if TYPE_CHECKING:
    from pytest_mlops.store.engine import Store

ONE = Pointer(stable="production.1", weights={"production.1": 100.0})
TWO = Pointer(stable="production.2", previous="production.1", weights={"production.2": 100.0})


def move(store: Store, to: Pointer, *, expected: int, fence: int = 1) -> Pointer:
    with store.write() as connection:
        return move_pointer(
            connection,
            "production",
            to,
            expected=expected,
            fence=fence,
            actor="ada",
            reason="because",
            at=datetime.now(UTC),
        )


def read(store: Store) -> Pointer:
    with store.read() as connection:
        return read_pointer(connection, "production")


def test_before_the_first_move_it_points_nowhere(store: Store) -> None:
    assert read(store) == NOWHERE


def test_a_move_is_read_as_it_was_made(store: Store) -> None:
    shadowed = Pointer(stable="production.1", weights={"production.1": 100.0}, shadow={"production.2": 0.25})
    moved = move(store, shadowed, expected=0)
    assert moved.revision == 1
    assert read(store) == moved


def test_who_read_an_older_revision_moves_nothing(store: Store) -> None:
    move(store, ONE, expected=0)
    move(store, TWO, expected=1)
    with pytest.raises(ConflictError, match=r"at revision 2 .* expected 1"):
        move(store, ONE, expected=1)
    assert read(store).stable == "production.2"


def test_who_has_an_older_lease_moves_nothing(store: Store) -> None:
    move(store, ONE, expected=0, fence=5)
    with pytest.raises(ConflictError, match="fence 5"):
        move(store, TWO, expected=1, fence=4)
    assert read(store).stable == "production.1"


def test_every_move_is_in_the_log_with_its_reason(store: Store) -> None:
    move(store, ONE, expected=0)
    move(store, TWO, expected=1, fence=2)
    with store.read() as connection:
        entries: list[Any] = read_log(connection, kind="pointer")
        assert verify_log(connection).entries == 2
    assert [entry.body["stable"] for entry in entries] == ["production.1", "production.2"]
    assert entries[1].body["fence"] == 2
    assert {entry.body["reason"] for entry in entries} == {"because"}


def test_environments_do_not_see_each_other(store: Store) -> None:
    move(store, ONE, expected=0)
    with store.read() as connection:
        assert read_pointer(connection, "staging") == NOWHERE
