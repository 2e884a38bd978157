"""The gateway's watch over the supervisor: one that has died is started again."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import subprocess
import time
from typing import TYPE_CHECKING

from pytest_mlops.errors import SerializationError
from pytest_mlops.serving.processes import SUPERVISOR, lives, marks
from pytest_mlops.serving.run_files import read_supervisor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.serving.run_files import SupervisorFile
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
        self._problem = ""
        self.started: list[subprocess.Popen[bytes]] = []

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            await asyncio.sleep(_POLL)
            try:
                self.check(time.monotonic())
            except (OSError, ValueError, SerializationError) as error:
                if str(error) != self._problem:
                    _log.warning("it is not known whether the supervisor runs: %s", error)
                self._problem = str(error)
            else:
                self._problem = ""

    def check(self, now: float) -> None:
        """Check once, and start a supervisor where that is due.

        Raises:
            SerializationError: the supervisor is of a newer version.
        """
        self.started = [process for process in self.started if process.poll() is None]
        supervisor = read_supervisor(self._layout)
        if self._layout.down.exists() or _runs(self._layout, supervisor):
            self._free_since, self._next_try, self._tries = None, 0.0, 0
            return
        if self._free_since is None:
            self._free_since = now
        if now - self._free_since <= _PATIENCE or now < self._next_try:
            return
        self._next_try = now + _PAUSES[min(self._tries, len(_PAUSES) - 1)]
        self._tries += 1
        if supervisor is not None and supervisor.command:
            self._start(supervisor.command)

    def _start(self, command: Sequence[str]) -> None:
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
        _log.warning("the supervisor had died; started another one, process %d", process.pid)


def _runs(layout: Layout, supervisor: SupervisorFile | None) -> bool:
    """Return whether a supervisor runs.

    Its process is checked first: to try its lock means to hold it for a moment, in which a supervisor that
    starts would take it for held. The lock is tried only where that process is gone.
    """
    return (supervisor is not None and lives(supervisor.identity)) or _is_held(layout.supervisor_lock)


def _is_held(path: Path) -> bool:
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
