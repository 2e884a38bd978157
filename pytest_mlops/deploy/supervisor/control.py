"""Bringing an environment up and down on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from pytest_mlops.deploy.supervisor.lock import is_locked
from pytest_mlops.deploy.supervisor.processes import (
    MARKER,
    Identity,
    find_marked,
    kill,
    lives,
    read_json,
    rotate,
    spawn_detached,
)
from pytest_mlops.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.deploy.paths import Layout

__all__ = ["Start", "Stopped", "bring_down", "bring_up", "ensure_up", "gateway_url", "is_up"]

START_SECONDS = 30.0
SUPERVISOR = "supervisor"
"""What a supervisor's process carries as its marker."""

_TICK = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """How a supervisor is started.

    Attributes:
        command: What supervises in the foreground.
        environ: Environment variables besides those of the starter, as the store's URL, which a command line
            would show to everybody.
    """

    command: tuple[str, ...]
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
    """Tell whether a supervisor runs."""
    return is_locked(layout.supervisor_lock)


def bring_up(layout: Layout, start: Start, *, seconds: float = START_SECONDS) -> bool:
    """Start a supervisor that goes on when this process ends; tell whether it was started just now.

    Args:
        layout: Where the environment's files lie.
        start: How its supervisor is started.
        seconds: How long to wait until its gateway answers.

    Raises:
        TaskError: it did not come up; the message has the end of its log.
    """
    layout.down.unlink(missing_ok=True)
    started = not is_up(layout)
    if started:
        _spawn(layout, start)
    deadline = time.monotonic() + seconds
    while not (is_up(layout) and gateway_url(layout) is not None):
        if time.monotonic() > deadline:
            end = _end_of_log(layout)
            raise TaskError(f"the supervisor did not come up within {seconds:g} s; the end of its log: {end}")
        time.sleep(_TICK)
    return started


def ensure_up(layout: Layout, start: Start) -> None:
    """Start a supervisor where none runs, unless ``down`` was asked for; wait for nothing.

    Raises:
        TaskError: ``down`` was asked for.
    """
    if is_up(layout):
        return
    if _is_starting(layout):
        return
    if layout.down.exists():
        raise TaskError("the environment is down; bring it up with pytest-mlops up")
    _spawn(layout, start)


def bring_down(layout: Layout, *, grace: float) -> Stopped:
    """End gateway, replicas and supervisor, with all that they started; what is down stays down.

    Args:
        layout: Where the environment's files lie.
        grace: Seconds that they have to end by themselves before they are killed.

    Raises:
        TaskError: something could not be ended.
    """
    layout.run.mkdir(parents=True, exist_ok=True)
    layout.down.touch()
    supervised = _end_supervisor(layout, grace)
    found = find_marked(str(layout.root))
    for identity, _ in found:
        kill(identity, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(lives(identity) for identity, _ in found) and time.monotonic() < deadline:
        time.sleep(_TICK)
    # What was started meanwhile, or left its group, still carries the marker.
    for _ in range(3):
        left = find_marked(str(layout.root))
        for identity, _marker in left:
            kill(identity, signal.SIGKILL)
        if not left:
            break
        time.sleep(4 * _TICK)
    left = find_marked(str(layout.root))
    if left:
        names = ", ".join(f"{marker} (process {identity.pid})" for identity, marker in left)
        raise TaskError(f"could not end {names}; end them by hand")
    for path in (*layout.replicas.glob("*.json"), layout.supervisor, layout.starting):
        path.unlink(missing_ok=True)
    return Stopped(
        supervisor=supervised, processes=tuple((marker, identity.pid) for identity, marker in found)
    )


def gateway_url(layout: Layout) -> str | None:
    """Return where clients reach the environment; ``None`` while no gateway runs."""
    values = read_json(layout.gateway)
    if values is None or not lives(Identity.of(values)):
        return None
    host, port = values.get("host"), values.get("port")
    return f"http://{f'[{host}]' if ':' in str(host) else host}:{port}"


def _is_starting(layout: Layout) -> bool:
    """Tell whether somebody started a supervisor so lately that it may not have its lock yet."""
    try:
        return time.time() - layout.starting.stat().st_mtime < START_SECONDS
    except FileNotFoundError:
        return False


def _spawn(layout: Layout, start: Start) -> None:
    layout.run.mkdir(parents=True, exist_ok=True)
    layout.starting.touch()
    log = layout.logs / "supervisor.log"
    rotate(log)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environ = {**kept, **start.environ, MARKER: SUPERVISOR, "MLOPS_ROOT": str(layout.root)}
    try:
        spawn_detached(start.command, folder=layout.root, environ=environ, log=log)
    except (OSError, subprocess.SubprocessError) as error:
        raise TaskError(f"cannot start the supervisor: {error}") from error


def _end_supervisor(layout: Layout, grace: float) -> bool:
    if not is_up(layout):
        return False
    deadline = time.monotonic() + max(grace, 2.0)
    while is_up(layout) and time.monotonic() < deadline:
        time.sleep(_TICK)  # it looks for the file that says down
    if is_up(layout):
        identity = Identity.of(read_json(layout.supervisor))
        process = None if identity is None else identity.process()
        if process is not None:
            with contextlib.suppress(psutil.Error):
                process.kill()
                process.wait(grace)
    return True


def _end_of_log(layout: Layout) -> str:
    try:
        text = (layout.logs / "supervisor.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "there is none"
    return " / ".join(text.strip().splitlines()[-5:]) or "it is empty"
