"""The gateway's watch over the supervisor: one that died is started again."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")
from pytest_mlops.serving.gateway.watch import SupervisorWatch
from pytest_mlops.state.paths import Layout
from pytest_mlops.state.process_start import process_start_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.serving.gateway.conftest import Gateway


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "run").mkdir()
    return Layout(root=tmp_path)


@pytest.fixture
def command(layout: Layout) -> list[str]:
    """A supervisor that writes so to a file, takes the lock and stays."""
    code = (
        "import fcntl, pathlib, sys, time\n"
        "lock = open(sys.argv[1], 'ab')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "open(sys.argv[2], 'a').write('started\\n')\n"
        "time.sleep(30)\n"
    )
    return [sys.executable, "-c", code, str(layout.supervisor_lock), str(layout.root / "started")]


def write_supervisor(layout: Layout, command: list[str], **values: Any) -> None:
    layout.supervisor.write_text(
        json.dumps({"pid": 1 << 30, "born": 1.0, "started_at": 1.0, "command": command} | values)
    )


def started(layout: Layout) -> int:
    path = layout.root / "started"
    return path.read_text().count("started") if path.exists() else 0


@pytest.fixture
def watch(layout: Layout) -> Iterator[SupervisorWatch]:
    watch = SupervisorWatch(layout)
    yield watch
    for process in watch.started:
        process.kill()
        process.wait()


def wait_for_lock(layout: Layout) -> None:
    deadline = time.monotonic() + 60
    while not started(layout):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_dead_supervisor_is_started_again_once(
    layout: Layout, command: list[str], watch: SupervisorWatch
) -> None:
    write_supervisor(layout, command)
    watch.check(100.0)
    watch.check(101.9)
    assert watch.started == []
    watch.check(102.1)
    (process,) = watch.started
    assert os.getsid(process.pid) == process.pid
    wait_for_lock(layout)
    for now in (103.0, 110.0, 200.0):
        watch.check(now)
    assert started(layout) == 1
    assert watch.started == [process]


def test_no_supervisor_is_started_while_one_holds_the_lock(
    layout: Layout, command: list[str], watch: SupervisorWatch
) -> None:
    write_supervisor(layout, command)
    with layout.supervisor_lock.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for now in range(100, 120):
            watch.check(float(now))
    assert watch.started == []


def test_no_supervisor_is_started_while_its_process_lives(
    layout: Layout, command: list[str], watch: SupervisorWatch
) -> None:
    me = psutil.Process()
    write_supervisor(layout, command, pid=me.pid, born=process_start_time(me.pid))
    for now in range(100, 120):
        watch.check(float(now))
    assert watch.started == []


def test_a_process_of_another_time_is_no_supervisor(
    layout: Layout, command: list[str], watch: SupervisorWatch
) -> None:
    write_supervisor(layout, command, pid=os.getpid(), born=12.5)
    watch.check(100.0)
    watch.check(103.0)
    assert len(watch.started) == 1


def test_nothing_is_started_where_the_environment_is_down(
    layout: Layout, command: list[str], watch: SupervisorWatch
) -> None:
    write_supervisor(layout, command)
    layout.down.touch()
    for now in range(100, 120):
        watch.check(float(now))
    assert watch.started == []


@pytest.mark.parametrize("text", ["[]", '{"command": "rm -rf /"}', '{"command": []}', "{}"])
def test_without_a_command_nothing_is_started(layout: Layout, watch: SupervisorWatch, text: str) -> None:
    layout.supervisor.write_text(text)
    for now in range(100, 120):
        watch.check(float(now))
    assert watch.started == []


def test_a_command_that_fails_is_tried_less_and_less_often(layout: Layout, watch: SupervisorWatch) -> None:
    code = f"open({str(layout.root / 'started')!r}, 'a').write('started\\n')"
    write_supervisor(layout, [sys.executable, "-c", code])
    for now in range(100, 181):
        watch.check(float(now))
        for process in watch.started:
            process.wait()
    assert started(layout) == 4  # after 3, 13, 33 and 73 s


def test_the_gateway_itself_watches(own: Callable[..., Gateway], tmp_path: Path) -> None:
    gateway = own()
    layout = Layout(root=gateway.root)
    layout.run.mkdir()
    write_supervisor(
        layout,
        [sys.executable, "-c", f"open({str(tmp_path / 'root' / 'started')!r}, 'a').write('started\\n')"],
    )
    gateway.start()
    deadline = time.monotonic() + 60
    while not started(layout):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "the supervisor had died" in gateway.log
