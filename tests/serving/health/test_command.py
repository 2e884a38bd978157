"""Commands: no shell, nothing of them is left, and what cannot be run is a mistake and no verdict."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.serving.health.command import run_bounded
from pytest_mlops.serving.health.engine import probe_once
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.probe import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.engine import Probed

# Starts a process that is in a session of its own, holds the output, and writes down its number.
ESCAPES = """
import pathlib, subprocess, sys, time
command = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(command, start_new_session={apart})
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep({seconds})
"""

NOWHERE = Endpoint()


def probe(check: HealthCheck, endpoint: Endpoint = NOWHERE) -> Probed:
    async def once() -> Probed:
        return await probe_once(check, endpoint)

    return run_probes(once())


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code, *arguments)


def wait_for_end(pid: int, seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("code", [1, 2, 40, 127, 255])
def test_only_zero_is_healthy(make_check: Callable[..., HealthCheck], code: int) -> None:
    probed = probe(make_check("command", command=("sh", "-c", f"echo why; exit {code}")))
    assert not probed.ok
    assert probed.message == f"sh exited with {code}: why"


def test_signal_is_not_healthy(make_check: Callable[..., HealthCheck]) -> None:
    probed = probe(make_check("command", command=("sh", "-c", "kill -9 $$")))
    assert not probed.ok
    assert "-9" in probed.message


def test_no_shell_reads_it(make_check: Callable[..., HealthCheck], tmp_path: Path) -> None:
    argv = python("import sys; sys.exit(sys.argv[1:] != ['$HOME; touch x', '*', '{other}', '127.0.0.1:80'])")
    command = (*argv, "$HOME; touch x", "*", "{other}", "{host}:{port}")
    where = Endpoint(host="127.0.0.1", port=80, folder=str(tmp_path))
    assert probe(make_check("command", command=command), where).ok
    assert list(tmp_path.iterdir()) == []


def test_it_runs_in_the_folder_of_the_project(make_check: Callable[..., HealthCheck], tmp_path: Path) -> None:
    script = tmp_path / "well.sh"
    script.write_text("#!/bin/sh\ntest -f well.sh\n", encoding="utf-8")
    script.chmod(0o755)
    check = make_check("command", command=("./well.sh",))
    assert probe(check, Endpoint(folder=str(tmp_path))).ok


def test_nothing_is_there_to_be_read(make_check: Callable[..., HealthCheck]) -> None:
    assert probe(make_check("command", command=python("import sys; sys.exit(sys.stdin.read() != '')"))).ok


@pytest.mark.parametrize("program", ["no-such-program-anywhere", "/etc/passwd", "/etc/passwd/x"])
def test_program_that_cannot_be_run_is_a_mistake(
    make_check: Callable[..., HealthCheck], program: str
) -> None:
    with pytest.raises(InvalidHealthCheck, match="probe: cannot run"):
        probe(make_check("command", command=(program,)))


def test_argument_that_no_program_can_be_given_is_not_healthy(make_check: Callable[..., HealthCheck]) -> None:
    probed = probe(make_check("command", command=("true", "a\x00b")))
    assert not probed.ok
    assert "could not be started" in probed.message


def test_end_of_what_it_printed_is_shown_and_safe_to_print(make_check: Callable[..., HealthCheck]) -> None:
    code = r"print('x' * 100_000); print('\x1b[31mdisk\t is full \x07'); raise SystemExit(1)"
    probed = probe(make_check("command", command=python(code)))
    assert probed.message.endswith("[31mdisk is full �")
    assert probed.message.isprintable()
    assert len(probed.message) < 500


@pytest.mark.parametrize("apart", [True, False], ids=["own session", "same session"])
def test_orphan_of_the_command_does_not_delay_the_result(
    make_check: Callable[..., HealthCheck], tmp_path: Path, *, apart: bool
) -> None:
    code = ESCAPES.format(apart=apart, seconds=0)
    check = make_check("command", command=python(code, str(tmp_path / "pid")), timeout=300.0)
    started_at = time.monotonic()
    assert probe(check).ok
    assert time.monotonic() - started_at < 60
    pid = int((tmp_path / "pid").read_text())
    if apart:
        psutil.Process(pid).kill()
    else:
        assert wait_for_end(pid)


@pytest.mark.parametrize("apart", [True, False], ids=["own session", "same session"])
def test_time_is_up_whatever_it_has_started(
    make_check: Callable[..., HealthCheck], tmp_path: Path, *, apart: bool
) -> None:
    code = ESCAPES.format(apart=apart, seconds=600)
    check = make_check("command", command=python(code, str(tmp_path / "pid")), timeout=2.0)
    started_at = time.monotonic()
    probed = probe(check)
    assert time.monotonic() - started_at < 60
    assert probed.message == "no response within 2 s"
    pid = int((tmp_path / "pid").read_text())
    if apart:
        psutil.Process(pid).kill()
    else:
        assert wait_for_end(pid)


def test_it_is_ended_though_it_ignores_signals(
    make_check: Callable[..., HealthCheck], tmp_path: Path
) -> None:
    code = "import os, pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    code += "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(30)"
    check = make_check("command", command=python(code, str(tmp_path / "pid")), timeout=1.0)
    assert not probe(check).ok
    assert wait_for_end(int((tmp_path / "pid").read_text()))


def test_second_cancellation_leaves_neither_process_nor_pipe(tmp_path: Path) -> None:
    async def twice() -> None:
        task = asyncio.create_task(run_bounded(python("import time; time.sleep(30)")))
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.2)

    process = psutil.Process()
    before, others = process.num_fds(), process.children()
    run_probes(twice())
    assert process.num_fds() == before
    assert process.children() == others


def test_folder_that_is_not_there_leaves_no_pipe(tmp_path: Path) -> None:
    before = psutil.Process().num_fds()
    with pytest.raises(FileNotFoundError):
        run_probes(run_bounded(["true"], folder=str(tmp_path / "gone")))
    assert psutil.Process().num_fds() == before
