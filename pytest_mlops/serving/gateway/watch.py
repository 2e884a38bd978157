"""The gateway's watch on the supervisor: where that is dead and ought to live, a new one is started."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

from pytest_mlops.serving.processes import SUPERVISOR, marks
from pytest_mlops.state.process_start import birth_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.state.paths import Layout

__all__ = ["SupervisorWatch"]

_POLL = 0.5
_PATIENCE = 2.0
_PAUSES = (10.0, 20.0, 40.0, 60.0)
_log = logging.getLogger(__name__)


class SupervisorWatch:
    """Starts the command of ``supervisor.json`` once the supervisor's lock was free for two seconds.

    A command that does not take the lock is tried again after longer and longer pauses, up to a minute. Where
    the environment is down, or no supervisor ever ran, nothing is started.

    Args:
        layout: Whose supervisor.

    Attributes:
        started: Processes that were started and have not ended.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._free_since: float | None = None
        self._next_try = 0.0
        self._tries = 0
        self.started: list[subprocess.Popen[bytes]] = []

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            await asyncio.sleep(_POLL)
            try:
                self.look(time.monotonic())
            except (OSError, ValueError, psutil.Error) as error:
                _log.warning("cannot tell whether the supervisor lives: %s", error)

    def look(self, now: float) -> None:
        """Look once, and start a supervisor where that is due."""
        self.started = [process for process in self.started if process.poll() is None]
        if self._layout.down.exists() or _lives(self._layout):
            self._free_since, self._next_try, self._tries = None, 0.0, 0
            return
        if self._free_since is None:
            self._free_since = now
        if now - self._free_since <= _PATIENCE or now < self._next_try:
            return
        self._next_try = now + _PAUSES[min(self._tries, len(_PAUSES) - 1)]
        self._tries += 1
        command = _command(self._layout.supervisor)
        if command:
            self._start(command)

    def _start(self, command: list[str]) -> None:
        self._layout.logs.mkdir(parents=True, exist_ok=True)
        with (self._layout.logs / "supervisor.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 -- the command that the supervisor itself was started with
                command,
                env={**os.environ, **marks(self._layout.root, SUPERVISOR)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        _log.warning("the supervisor was gone; started another one, pid %d", process.pid)


def _read(path: Path) -> dict[str, object]:
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return values if isinstance(values, dict) else {}


def _command(path: Path) -> list[str]:
    command = _read(path).get("command")
    if isinstance(command, list) and all(isinstance(part, str) for part in command):
        return command
    return []


def _lives(layout: Layout) -> bool:
    """Tell whether a supervisor lives.

    Its process is looked at first: to try its lock means to hold it for a moment, in which a supervisor that
    starts would take it for held. The lock is tried only where that process is gone.
    """
    said = _read(layout.supervisor)
    if isinstance(pid := said.get("pid"), int) and isinstance(born := said.get("born"), float):
        with contextlib.suppress(psutil.Error, ValueError, OverflowError):
            if birth_of(pid) == born and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return True
    return _held(layout.supervisor_lock)


def _held(path: Path) -> bool:
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
