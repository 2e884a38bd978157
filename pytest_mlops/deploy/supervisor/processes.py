"""Processes of ours: started in a session of their own, told apart, ended with all that they started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import psutil

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "MARKER",
    "Identity",
    "find_marked",
    "kill",
    "lives",
    "read_json",
    "rotate",
    "spawn",
    "spawn_detached",
    "write_json",
]

MARKER = "MLOPS_DEPLOYMENT"
"""Environment variable of every process that belongs to a deployment, whatever started it."""

_LAUNCHER = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"

LOG_BYTES = 10 * 1024 * 1024
"""Size from which on a log is moved aside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """A process that no other can be taken for.

    Attributes:
        pid: Its number.
        create_time: When it was started, as psutil has it.
    """

    pid: int
    create_time: float

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> Self | None:
        """Return the process that a file of ours names; ``None`` where it names none."""
        try:
            return cls(pid=int((values or {})["pid"]), create_time=float((values or {})["create_time"]))
        except (KeyError, TypeError, ValueError):
            return None

    def process(self) -> psutil.Process | None:
        """Return the process; ``None`` where it is gone, a zombie, or its number is another's now."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.create_time) > 0.01:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.Error:
            return None


def lives(identity: Identity | None, marker: str | None = None) -> bool:
    """Tell whether a process runs, and carries a marker if one is asked for."""
    process = None if identity is None else identity.process()
    return process is not None and (marker is None or _marker_of(process) == marker)


def spawn(
    argv: Sequence[str], *, folder: Path, environ: Mapping[str, str], log: Path
) -> tuple[subprocess.Popen[bytes], Identity]:
    """Start a program in a session of its own; what it prints is appended to a log.

    Raises:
        OSError: it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603 -- argv as configured, no shell
            list(argv),
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        created = psutil.Process(process.pid).create_time()
    except psutil.NoSuchProcess:
        created = 0.0  # it is gone already; poll() says how
    return process, Identity(pid=process.pid, create_time=created)


def spawn_detached(argv: Sequence[str], *, folder: Path, environ: Mapping[str, str], log: Path) -> None:
    """Start a program that is nobody's child, so that it goes on, and goes, without its starter.

    Raises:
        OSError: it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        subprocess.run(  # noqa: S603 -- our own interpreter and a script of ours
            [sys.executable, "-I", "-c", _LAUNCHER, *argv],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=True,
        )


def kill(identity: Identity, how: signal.Signals) -> None:
    """Send a signal to a process, its session's group, and everything that it started."""
    process = identity.process()
    if process is None:
        return
    with contextlib.suppress(psutil.Error):
        for child in process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.send_signal(how)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(identity.pid) == identity.pid:  # its own group, as spawn made it
            os.killpg(identity.pid, how)
        else:
            os.kill(identity.pid, how)


def find_marked(root: str) -> list[tuple[Identity, str]]:
    """Return the processes of this user that carry our marker for an environment's folder, with its value."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environ = process.environ()
            if environ.get("MLOPS_ROOT") == root and MARKER in environ:
                identity = Identity(pid=process.pid, create_time=process.create_time())
                if identity.process() is not None and process.pid != os.getpid():
                    found.append((identity, environ[MARKER]))
    return found


def rotate(log: Path, most: int = LOG_BYTES) -> None:
    """Keep the last ``most`` bytes or more of a log: what is there goes aside, and the file begins anew."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > most:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)  # whoever writes to it appends


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object of a file; ``None`` where there is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def write_json(path: Path, values: Mapping[str, Any], *, mode: int = 0o644) -> None:
    """Write a JSON object so that a reader sees all of it or what was there before.

    Raises:
        OSError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(values, stream)
    temporary.replace(path)


def _marker_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARKER)
    except (psutil.Error, OSError):
        return None
