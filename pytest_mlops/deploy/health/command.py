"""Probe by a command: exit code 0 is healthy. No shell reads it, and it is ended with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from pytest_mlops.deploy.health.probe import ProbeFailed
from pytest_mlops.errors import InvalidHealthCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from pytest_mlops.deploy.health.endpoint import Endpoint
    from pytest_mlops.records.health import HealthCheck

__all__ = ["probe_command", "run_bounded"]

_TAIL = 300
_CHUNK = 64 * 1024


async def probe_command(check: HealthCheck, endpoint: Endpoint, _client: httpx.AsyncClient) -> str:
    """Run the command; 0 is healthy."""
    argv = [endpoint.fill(part) for part in check.command]
    try:
        code, tail = await run_bounded(argv)
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise InvalidHealthCheck(f"{check.name}: cannot run {argv[0]!r}: {error.strerror}") from error
    except (OSError, ValueError) as error:
        raise ProbeFailed(f"{argv[0]} could not be started: {error}") from error
    words = f": {tail}" if tail else ""
    if code != 0:
        raise ProbeFailed(f"{argv[0]} exited with {code}{words}")
    return f"{argv[0]} exited with 0"


async def run_bounded(argv: Sequence[str], *, given: bytes = b"") -> tuple[int, str]:
    """Run a program in a session of its own; return its exit code and the end of what it printed.

    If this is cancelled, as when time is up, the program and whatever else is in its session is killed.

    Raises:
        OSError: it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        tail = await _talk(process, given)
        code = await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())
        _close(process)
    return code, tail


async def _talk(process: asyncio.subprocess.Process, given: bytes) -> str:
    if process.stdin is None or process.stdout is None:
        return ""
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        process.stdin.write(given)
        await process.stdin.drain()
    process.stdin.close()
    end = b""
    while chunk := await process.stdout.read(_CHUNK):
        end = (end + chunk)[-_TAIL:]
    return " ".join(end.decode(errors="replace").split())


def _close(process: asyncio.subprocess.Process) -> None:
    transport = getattr(process, "_transport", None)  # its pipes stay open if a grandchild holds them
    if transport is not None:
        transport.close()
