"""Deaths are counted once, whatever the store does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import StoreError
from pytest_mlops.serving.supervisor import requested
from pytest_mlops.serving.supervisor.requested import RequestedReader, StoreWatch
from tests.serving.supervisor.conftest import ENVIRONMENT, wait

if TYPE_CHECKING:
    import pytest

    from tests.serving.supervisor.conftest import World


def make(world: World) -> StoreWatch:
    reader = RequestedReader(store=world.store, environment=ENVIRONMENT)
    return StoreWatch(reader=reader, wake=threading.Event())


def test_a_death_is_known_before_it_is_counted_and_not_twice_afterwards(world: World) -> None:
    name = world.add(world.plan(), restart_budget=3)
    watch = make(world)
    watch.count_death(name)
    assert watch.uncounted() == {name: 1}
    with watch:
        wait(lambda: watch.latest() and not watch.uncounted(), "the count")
        snapshot = watch.latest()
    assert snapshot is not None
    assert snapshot.requested[name].restart_budget == world.restart_budget(name) == 2


def test_a_death_that_is_written_while_nothing_can_be_read_is_counted_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = world.add(world.plan(), restart_budget=3)
    watch = make(world)
    read, failing = RequestedReader.read, threading.Event()

    def fail(reader: RequestedReader) -> Any:
        if failing.is_set():
            raise StoreError("no")
        return read(reader)

    monkeypatch.setattr(RequestedReader, "read", fail)
    monkeypatch.setattr(requested, "_PAUSE_OF_OUTAGE", 0.01)
    with watch:
        wait(watch.latest, "a snapshot")
        failing.set()
        watch.count_death(name)
        wait(lambda: world.lines, "the outage")
        wait(lambda: world.restart_budget(name) == 2, "the count")
        assert watch.uncounted() == {name: 1}  # the snapshot still has three
        failing.clear()
        wait(lambda: not watch.uncounted(), "the snapshot")
    assert world.restart_budget(name) == 2
    assert world.lines == ["everything stays as it is, since the store failed: no", "the store is back"]


def test_deaths_never_take_more_tries_than_there_are_and_none_of_a_blessed_version(world: World) -> None:
    few, blessed = (
        world.add(world.plan(), restart_budget=1),
        world.add(world.plan("production.2"), restart_budget=None),
    )
    with make(world) as watch:
        for _ in range(3):
            watch.count_death(few)
            watch.count_death(blessed)
        wait(lambda: watch.latest() and not watch.uncounted(), "the count")
    assert world.restart_budget(few) == 0
    assert world.restart_budget(blessed) is None


def test_a_failure_that_is_not_the_stores_is_logged_and_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = make(world)
    monkeypatch.setattr(requested, "_PAUSE_OF_OUTAGE", 0.01)
    monkeypatch.setattr(RequestedReader, "read", lambda reader: 1 / 0)
    with watch:
        wait(lambda: world.lines, "the failure")
        monkeypatch.undo()
        wait(watch.latest, "a snapshot")
    assert (
        world.lines[0]
        == "everything stays as it is, since the store failed: ZeroDivisionError: division by zero"
    )
