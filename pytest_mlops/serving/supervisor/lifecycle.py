"""Bringing an environment up or down on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from pytest_mlops.errors import IoError, TaskError
from pytest_mlops.files import OsErrorsAs
from pytest_mlops.serving.logs import rotate
from pytest_mlops.serving.processes import (
    MARKER,
    SUPERVISOR,
    find_marked,
    lives,
    marks,
    runs,
    send_signal,
    spawn_detached,
)
from pytest_mlops.serving.run_files import DownFile, read_gateway
from pytest_mlops.serving.supervisor.lock import is_locked, lock_holder, wait_for_lock
from pytest_mlops.serving.versioned import save

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_mlops.state.paths import Layout

__all__ = [
    "Stopped",
    "SupervisorCommand",
    "allow_up",
    "bring_down",
    "bring_up",
    "ensure_up",
    "gateway_url",
    "is_up",
]

START_SECONDS = 30.0
_AGAIN_SECONDS = 10.0
"""Seconds that a supervisor has from its start to take the lock before another one is started."""

_PATIENCE = 10.0
"""Seconds beyond the grace of its processes that a supervisor has to end them all."""

_TICK = 0.05
_LOG_BYTES = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class SupervisorCommand:
    """How a supervisor is started.

    Attributes:
        argv: The program that supervises in the foreground, and its arguments.
        environ: Environment variables besides those of the starter, as the store's URL, which a command line
            would show to all users of the machine.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """What ``down`` has ended.

    Attributes:
        supervisor: Whether a supervisor ran.
        processes: What else ran: its marker and its number.
    """

    supervisor: bool
    processes: tuple[tuple[str, int], ...]


def is_up(layout: Layout) -> bool:
    """Return whether a supervisor runs."""
    return is_locked(layout.supervisor_lock)


def bring_up(layout: Layout, command: SupervisorCommand, *, seconds: float = START_SECONDS) -> bool:
    """Start a supervisor that goes on when this process ends; return whether one was started just now.

    Args:
        layout: Where the environment's files lie.
        command: How its supervisor is started.
        seconds: How long to wait until its gateway answers.

    Raises:
        TaskError: it did not come up; the message has the end of its log.
        IoError: the folder of its files cannot be written.
    """
    _forget_down(layout)
    started = not is_up(layout)
    log = layout.logs / "supervisor.log"
    before = _size(log)
    deadline = time.monotonic() + seconds
    while not (is_up(layout) and gateway_url(layout) is not None):
        if not is_up(layout):
            _start_once(layout, command)
        if time.monotonic() > deadline:
            end = _end_of(log, after=before)
            raise TaskError(f"the supervisor did not come up within {seconds:g} s; the end of its log: {end}")
        time.sleep(_TICK)
    return started


def allow_up(layout: Layout) -> None:
    """Let a supervisor run in this process, where a person starts it; one started otherwise obeys ``down``.

    Raises:
        IoError: the folder of its files cannot be written.
    """
    if os.environ.get(MARKER) != SUPERVISOR:
        _forget_down(layout)


def ensure_up(layout: Layout, command: SupervisorCommand) -> None:
    """Start a supervisor where none runs, unless ``down`` was asked for; wait for nothing.

    Raises:
        TaskError: ``down`` was asked for, or it cannot be started.
        IoError: the folder of its files cannot be written.
    """
    if is_up(layout):
        return
    if layout.down.exists():
        raise TaskError("the environment is down; bring it up with pytest-mlops up")
    _start_once(layout, command)


def bring_down(layout: Layout, *, grace: float) -> Stopped:
    """End gateway, replicas and supervisor, with all that they started; what is down stays down.

    A supervisor that runs ends the others in good order. Where none does, or it does not get done, whatever
    carries the environment's marks is ended here.

    Args:
        layout: Where the environment's files lie.
        grace: Seconds that processes have to end by themselves before they are killed.

    Raises:
        TaskError: something could not be ended.
        IoError: the folder of its files cannot be written.
    """
    with OsErrorsAs(IoError, f"cannot write {layout.down}"):
        save(layout.down, DownFile(grace=grace))
    found = {each.process.pid: each for each in find_marked(layout.root)}
    supervised = _end_supervisor(layout, seconds=2 * grace + _PATIENCE)
    rest = _ours(layout)
    send_signal(rest, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(runs(process) for process in rest) and time.monotonic() < deadline:
        time.sleep(_TICK)
    for _ in range(20):  # what was started meanwhile carries the marks, too
        rest = [process for process in {*rest, *_ours(layout)} if runs(process)]
        if not rest:
            break
        send_signal(rest, signal.SIGKILL)
        time.sleep(_TICK)
    if rest:
        names = ", ".join(f"process {process.pid}" for process in rest)
        raise TaskError(f"could not stop {names}; stop them manually")
    for path in (*layout.replicas.glob("*.json"), layout.supervisor, layout.starting, layout.routes):
        path.unlink(missing_ok=True)
    processes = ((each.marker, pid) for pid, each in sorted(found.items()) if each.marker != SUPERVISOR)
    return Stopped(supervisor=supervised, processes=tuple(processes))


def gateway_url(layout: Layout) -> str | None:
    """Return where clients reach the environment; ``None`` while no gateway runs.

    Raises:
        SerializationError: the gateway is of a newer version than this program.
    """
    file = read_gateway(layout)
    if file is None or not lives(file.identity):
        return None
    return f"http://{f'[{file.host}]' if ':' in file.host else file.host}:{file.port}"


def _forget_down(layout: Layout) -> None:
    with OsErrorsAs(IoError, f"cannot remove {layout.down}"):
        layout.down.unlink(missing_ok=True)


def _start_once(layout: Layout, command: SupervisorCommand) -> None:
    """Start a supervisor, unless one was started so lately that it may not have its lock yet."""
    with OsErrorsAs(IoError, f"cannot write {layout.starting}"):
        layout.run.mkdir(parents=True, exist_ok=True)
        handle = os.open(layout.starting, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        wait_for_lock(handle)  # of many processes that find none, one starts it
        status = os.fstat(handle)
        if status.st_size and abs(time.time() - status.st_mtime) < _AGAIN_SECONDS:
            return
        os.pwrite(handle, json.dumps({"by": os.getpid()}).encode(), 0)
        _spawn(layout, command)
    finally:
        os.close(handle)


def _spawn(layout: Layout, command: SupervisorCommand) -> None:
    log = layout.logs / "supervisor.log"
    rotate(log)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environ = {**kept, **command.environ, **marks(layout.root, SUPERVISOR)}
    try:
        spawn_detached(command.argv, folder=layout.root, environ=environ, log=log)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise TaskError(f"cannot start the supervisor: {error}") from error


def _end_supervisor(layout: Layout, *, seconds: float) -> bool:
    """Wait until the supervisor has ended, as the file demands; kill one that does not."""
    if not is_up(layout):
        return False
    deadline = time.monotonic() + seconds
    while is_up(layout) and time.monotonic() < deadline:
        time.sleep(_TICK)
    # The holder of the lock has written there itself which process it is.
    holder = lock_holder(layout.supervisor_lock)
    process = None if holder is None else holder.process()
    if process is not None and process.pid != os.getpid():
        send_signal([process], signal.SIGKILL)
        psutil.wait_procs([process], timeout=_PATIENCE)
    return True


def _ours(layout: Layout) -> list[psutil.Process]:
    """Return the processes that carry the environment's marks, and what they started."""
    found: dict[int, psutil.Process] = {}
    for each in find_marked(layout.root):
        found[each.process.pid] = each.process
        try:
            found.update((child.pid, child) for child in each.process.children(recursive=True))
        except psutil.Error:
            continue
    found.pop(os.getpid(), None)
    return list(found.values())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _end_of(log: Path, *, after: int) -> str:
    """Return the last lines that were written to a log since it was ``after`` bytes long."""
    try:
        with log.open("rb") as stream:
            size = _size(log)
            stream.seek(max(after if after <= size else 0, size - _LOG_BYTES))
            text = stream.read(_LOG_BYTES).decode(errors="replace")
    except OSError:
        return "there is none"
    return " / ".join(text.strip().splitlines()[-5:]) or "it is empty"
