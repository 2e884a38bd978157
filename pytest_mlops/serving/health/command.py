"""Probes by a child process: a command, or a custom function in an interpreter of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from typing import TYPE_CHECKING

from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.serving.health.custom_runner import HEALTHY, NOT_CALLABLE
from pytest_mlops.serving.health.probe import SHOWN, ProbeFailed
from pytest_mlops.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.probe import Endpoint

__all__ = ["probe_command", "probe_custom", "run_bounded"]

_TAIL = 300
_CHUNK = 64 * 1024
_LAST_OUTPUT = 0.2


async def probe_command(check: HealthCheck, endpoint: Endpoint) -> str:
    """Run the command; 0 is healthy."""
    argv = [endpoint.fill(part) for part in check.command]
    try:
        code, tail = await run_bounded(argv, folder=endpoint.folder)
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise InvalidHealthCheck(f"{check.name}: cannot run {argv[0]!r}: {error.strerror}") from error
    except (OSError, ValueError) as error:
        raise ProbeFailed(f"{argv[0]} could not be started: {error}") from error
    if code != 0:
        raise ProbeFailed(f"{argv[0]} exited with {code}" + (f": {tail}" if tail else ""))
    return f"{argv[0]} exited with 0"


async def run_bounded(argv: Sequence[str], *, folder: str | None = None) -> tuple[int, str]:
    """Run a program in a session of its own; return its exit code and the end of what it printed.

    When it has ended, or if this is cancelled as when time is up, whatever is left of its session is killed.

    Args:
        argv: The program and its arguments.
        folder: Where it runs; by default where this process does.

    Raises:
        OSError: it cannot be started.
    """
    reading, writing = os.pipe()
    tail = _Tail(reading)
    try:
        # The pipe is ours, not asyncio's, whose wait() would go on for as long as a grandchild holds it.
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
        )
    except BaseException:
        tail.close()
        raise
    finally:
        os.close(writing)
    try:
        code = await process.wait()
        _kill_session(process.pid)
        await tail.end(_LAST_OUTPUT)
    finally:
        _kill_session(process.pid)
        try:
            await asyncio.shield(process.wait())
        finally:
            tail.close()
    return code, tail.text


def _kill_session(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


class _Tail:
    """The last that came through a pipe; what came before is read and dropped."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._bytes = b""
        self._ended = asyncio.Event()
        os.set_blocking(handle, False)
        self._loop.add_reader(handle, self._read)

    @property
    def text(self) -> str:
        """It as one line."""
        return one_line(self._bytes.decode(errors="replace"), SHOWN)

    async def end(self, seconds: float) -> None:
        """Wait until no process can write any more, for some seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    def close(self) -> None:
        """Read no more."""
        self._loop.remove_reader(self._handle)
        os.close(self._handle)

    def _read(self) -> None:
        chunk = os.read(self._handle, _CHUNK)
        self._bytes = (self._bytes + chunk)[-_TAIL:]
        if not chunk:
            self._loop.remove_reader(self._handle)
            self._ended.set()


_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


async def probe_custom(check: HealthCheck, endpoint: Endpoint) -> str:
    """Call the function; only ``True`` is healthy."""
    path = check.endpoint or ""
    if _PATH.fullmatch(path) is None:
        raise InvalidHealthCheck(f"{check.name}: {path!r} is not an import path; expected module:function")
    given = json.dumps({"path": path, "host": endpoint.host, "port": endpoint.port})
    runner = [sys.executable, "-m", "pytest_mlops.serving.health.custom_runner", given]
    try:
        code, tail = await run_bounded(runner, folder=endpoint.folder)
    except OSError as error:
        raise ProbeFailed(f"{path}: its process could not be started: {error}") from error
    if code == NOT_CALLABLE:
        raise InvalidHealthCheck(f"{check.name}: {path} cannot be called: {tail}")
    if code != HEALTHY:
        raise ProbeFailed(f"{path}: {tail or f'its process ended with {code}'}")
    return f"{path} returned True"
