"""Environments are brought up or down by commands, which are processes of their own."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import ConflictError, IoError, TaskError
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
from pytest_mlops.targets.local import LocalTarget
from tests.serving.supervisor.conftest import read_json, wait, write_json

if TYPE_CHECKING:
    from pathlib import Path

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


def test_the_target_sees_replicas_and_traffic(world: World) -> None:
    world.supervise()
    target = LocalTarget(layout=world.layout, supervisor=SupervisorCommand(argv=("no-such-program",)))
    world.add(world.plan(), desired_replicas=2)
    revision = world.point(d_1=100.0)
    wait(lambda: target.routed() == revision, "the routes")
    wait(lambda: [each.ready for each in target.replicas("production.1")] == [True, True], "both")
    found = target.replicas("production.1")
    assert [each.index for each in found] == [0, 1]
    assert all(each.alive for each in found)
    assert target.traffic().epoch
    world.layout.replica("production.1.7").write_text('{"deployment_id": "production.1"}', encoding="utf-8")
    assert len(target.replicas("production.1")) == 2


def test_the_target_of_an_environment_that_is_down_refuses(world: World) -> None:
    bring_down(world.layout, grace=0.1)
    target = LocalTarget(layout=world.layout, supervisor=SupervisorCommand(argv=("no-such-program",)))
    for ask in (target.require_up, lambda: target.start("production.1")):
        with pytest.raises(TaskError, match="the environment is down"):
            ask()
    for look in (target.routed, lambda: target.replicas("production.1")):
        with pytest.raises(ConflictError, match="goes on after pytest-mlops up"):
            look()
    with pytest.raises(TaskError, match="its counts cannot be had"):
        target.traffic()


def test_a_program_that_cannot_be_started_is_no_supervisor(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **named: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(lifecycle, "spawn_detached", refuse)
    with pytest.raises(TaskError, match=r"cannot start the supervisor: .*Resource temporarily unavailable"):
        ensure_up(world.layout, starter(world, ""))


CONFIG = """
environments:
  production:
    serve: {command: ["{python}", "-S", server.py]}
    gateway: {port: PORT, drain: 1.0, log: null}
"""


@pytest.fixture
def config(world: World) -> Path:
    path = world.folder / "mlops.yaml"
    path.write_text(CONFIG.replace("PORT", "0"), encoding="utf-8")
    return path


def run(config: Path, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest_mlops", command, "--config", str(config), *options]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_up_and_down_on_the_command_line(config: Path) -> None:
    from pytest_mlops.state.paths import layout_of

    layout = layout_of(config.parent, "production")
    try:
        up = run(config, "up")
        assert up.returncode == 0, up.stderr
        values = read_json(layout.gateway) or {}
        assert up.stdout == f"production is up at http://127.0.0.1:{values['port']}\n"
        assert run(config, "up").stdout == up.stdout.replace("is up", "was up already")
        down = run(config, "down")
        assert down.stdout.startswith("production is down; ended: gateway (process ")
        assert run(config, "down").stdout == "production was down already\n"
        assert find_marked(layout.root) == []
        assert not is_up(layout)
        assert run(config, "up").stdout == up.stdout  # at the same address
    finally:
        bring_down(layout, grace=1.0)


@pytest.mark.slow
def test_up_refuses_a_taken_port_at_once(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(CONFIG.replace("PORT", str(port)), encoding="utf-8")
        up = run(config, "up")
    assert up.returncode == 4
    assert up.stderr == (
        f"pytest-mlops: cannot listen on 127.0.0.1:{port}: Address already in use; end what listens there, "
        "or give another gateway.port in mlops.yaml\n"
    )


@pytest.mark.slow
def test_ctrl_c_takes_down_what_was_brought_up_in_the_foreground(config: Path) -> None:
    import signal

    from pytest_mlops.state.paths import layout_of

    layout = layout_of(config.parent, "production")
    argv = [sys.executable, "-m", "pytest_mlops", "up", "--foreground", "--config", str(config)]
    write_json(layout.down, {})
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait(lambda: gateway_status(layout), "the gateway", seconds=60)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert find_marked(layout.root) == []
        assert layout.down.exists()
    finally:
        bring_down(layout, grace=1.0)
