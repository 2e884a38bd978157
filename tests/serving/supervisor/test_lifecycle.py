"""Environments are brought up or down by commands, which are processes of their own."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import IoError, TaskError
from pytest_mlops.serving.gateway_client import gateway_status
from pytest_mlops.serving.processes import MARKER, SUPERVISOR, find_marked
from pytest_mlops.serving.supervisor import lifecycle
from pytest_mlops.serving.supervisor.lifecycle import (
    SupervisorCommand,
    allow_up,
    bring_down,
    bring_up,
    ensure_up,
    is_up,
)
from pytest_mlops.serving.supervisor.lock import hold_lock
from tests.serving.supervisor.conftest import wait

if TYPE_CHECKING:
    from tests.serving.supervisor.conftest import World


def starter(world: World, script: str) -> SupervisorCommand:
    """Return a command that leaves a line in a file for each supervisor that is started."""
    program = f"open('started', 'a').write('x\\n')\n{script}"
    return SupervisorCommand(argv=(sys.executable, "-S", "-c", program))


def started(world: World) -> int:
    path = world.layout.root / "started"
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


def test_many_processes_that_find_no_supervisor_start_one(world: World) -> None:
    world.layout.root.mkdir()
    command = starter(world, "import time; time.sleep(60)")
    threads = [threading.Thread(target=ensure_up, args=(world.layout, command)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait(lambda: started(world), "a supervisor")
    time.sleep(0.2)
    assert started(world) == 1
    assert [each.marker for each in find_marked(world.layout.root)] == [SUPERVISOR]


def test_nothing_is_started_where_the_environment_is_down(world: World) -> None:
    bring_down(world.layout, grace=0.1)
    with pytest.raises(TaskError, match="the environment is down; bring it up with pytest-mlops up"):
        ensure_up(world.layout, starter(world, ""))
    assert started(world) == 0


def test_a_supervisor_that_does_not_come_up_is_an_error_with_its_log(world: World) -> None:
    world.layout.logs.mkdir(parents=True)
    (world.layout.logs / "supervisor.log").write_text("an old line\n", encoding="utf-8")
    with pytest.raises(TaskError, match=r"did not come up within 3 s; the end of its log: out of luck$"):
        bring_up(world.layout, starter(world, "print('out of luck')"), seconds=3.0)


def test_a_folder_that_cannot_be_written_is_an_error_with_a_message(world: World) -> None:
    world.layout.root.write_text("a file where the folder has to be", encoding="utf-8")
    try:
        with pytest.raises(IoError, match="cannot write"):
            ensure_up(world.layout, starter(world, ""))
        with pytest.raises(IoError, match="cannot write"):
            bring_down(world.layout, grace=0.1)
        with pytest.raises(IoError, match="cannot write"), hold_lock(world.layout.supervisor_lock):
            pass
    finally:
        world.layout.root.unlink()
    world.layout.supervisor_lock.mkdir(parents=True)
    with pytest.raises(IoError, match="cannot open"):
        is_up(world.layout)
    world.layout.supervisor_lock.rmdir()


def test_a_person_may_bring_up_what_is_down_and_a_program_may_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_down(world.layout, grace=0.1)
    monkeypatch.setenv(MARKER, SUPERVISOR)
    allow_up(world.layout)
    assert world.layout.down.exists()
    monkeypatch.delenv(MARKER)
    allow_up(world.layout)
    assert not world.layout.down.exists()


def test_up_returns_when_the_gateway_answers_and_can_be_repeated(world: World) -> None:
    command = SupervisorCommand(argv=tuple(world.command()))
    threading.Thread(target=world.supervise, daemon=True).start()  # what is started below is refused
    assert bring_up(world.layout, command) in {True, False}
    assert gateway_status(world.layout) is not None
    assert bring_up(world.layout, command) is False


def test_a_program_that_cannot_be_started_is_no_supervisor(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **named: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(lifecycle, "spawn_detached", refuse)
    with pytest.raises(TaskError, match=r"cannot start the supervisor: .*Resource temporarily unavailable"):
        ensure_up(world.layout, starter(world, ""))
