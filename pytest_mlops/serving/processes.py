"""Processes of ours: started in a session of their own, identified, ended with all that they started."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import psutil

from pytest_mlops.state.process_start import process_start_time

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "GATEWAY",
    "MARKER",
    "PORT",
    "REPLICA",
    "SUPERVISOR",
    "Identity",
    "Marked",
    "Owned",
    "find_marked",
    "lives",
    "marks",
    "owned_by",
    "read_marks",
    "runs",
    "send_signal",
    "spawn",
    "spawn_detached",
    "started_by",
]

MARKER = "MLOPS_DEPLOYMENT"
"""Environment variable of every process that belongs to a deployment, whatever started it."""

ROOT = "MLOPS_ROOT"
"""Environment variable with the folder of the environment that a process belongs to."""

REPLICA, PORT = "MLOPS_REPLICA", "MLOPS_PORT"
"""Environment variables of a replica; both together name one start of it."""

GATEWAY, SUPERVISOR = "gateway", "supervisor"
"""What the processes of the two carry as their marker."""

_LAUNCHER = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """A process that no other can be taken for.

    Attributes:
        pid: Its number.
        process_start: When it was started; see :func:`~pytest_mlops.state.process_start.process_start_time`.
    """

    pid: int
    process_start: float

    @classmethod
    def current(cls) -> Self:
        """Return this process."""
        return cls(pid=os.getpid(), process_start=process_start_time(os.getpid()) or 0.0)

    def process(self) -> psutil.Process | None:
        """Return the process; ``None`` where it is gone, a zombie, or its number is another's now."""
        try:
            process = psutil.Process(self.pid)
        except (psutil.Error, ValueError, OverflowError):
            return None
        return process if process_start_time(self.pid) == self.process_start and runs(process) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """A process that carries our marks.

    Attributes:
        process: The process.
        marker: The deployment, or ``gateway`` or ``supervisor``.
        replica: The replica, as ``production.7.0``; empty where it is none.
        port: The replica's port, which differs from one start to the next.
    """

    process: psutil.Process
    marker: str
    replica: str
    port: str


@dataclass(kw_only=True)
class Owned:
    """A process that this supervisor, or one before it, has started.

    Attributes:
        process: The process.
        identity: As files name it.
        child: Where it is a child of this process.
    """

    process: psutil.Process
    identity: Identity
    child: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return runs(self.process) if self.child is None else self.child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it has ended; ``None`` of one that runs, or whose parent is not this process."""
        return None if self.child is None else self.child.poll()


def runs(process: psutil.Process) -> bool:
    """Return whether a process is still the one that it was, and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def lives(identity: Identity | None) -> bool:
    """Return whether a process runs."""
    return identity is not None and identity.process() is not None


def marks(root: Path, marker: str) -> dict[str, str]:
    """Return the environment variables that mark a process as ours."""
    return {MARKER: marker, ROOT: os.path.realpath(root)}


def read_marks(process: psutil.Process, root: str | Path) -> Marked | None:
    """Return the marks of a process; ``None`` where it is none of ours, or cannot be inspected.

    A program that writes its title over its own environment loses them.
    """
    return _read_marks(process, os.path.realpath(root))


def find_marked(root: str | Path) -> list[Marked]:
    """Return the processes of this user that carry our marks for an environment's folder, save this one."""
    real = os.path.realpath(root)
    found = (_read_marks(process, real) for process in psutil.process_iter() if process.pid != os.getpid())
    return [each for each in found if each is not None and runs(each.process)]


def owned_by(
    identity: Identity | None, root: Path, marker: str, *, replica: str = "", port: str = ""
) -> Owned | None:
    """Return the process that a file names; ``None`` where it is gone, or does not carry our marks.

    Args:
        identity: The process.
        root: Folder of the environment that it has to belong to.
        marker: What it has to carry as its marker.
        replica: The replica that it has to be.
        port: The port that it was started with, where it is a replica.
    """
    process = None if identity is None else identity.process()
    if identity is None or process is None:
        return None
    found = read_marks(process, root)
    if found is None or (found.marker, found.replica) != (marker, replica):
        return None
    if replica and found.port != port:
        return None
    return Owned(process=process, identity=identity)


def started_by(leader: psutil.Process) -> list[psutil.Process]:
    """Return a process that leads its session, what it started, and what is in its session."""
    found = {leader.pid: leader}
    with contextlib.suppress(psutil.Error):
        found.update((child.pid, child) for child in leader.children(recursive=True))
    for process in psutil.process_iter():
        with contextlib.suppress(OSError):
            if os.getsid(process.pid) == leader.pid:
                found.setdefault(process.pid, process)
    # Once it is gone its number may be another session's.
    return list(found.values()) if runs(leader) else [leader]


def send_signal(processes: Iterable[psutil.Process], how: signal.Signals) -> None:
    """Send a signal to each process that is still the one it was."""
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            process.send_signal(how)


def spawn(
    argv: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str],
    log: Path,
    cores: frozenset[int] | None = None,
) -> Owned:
    """Start a program in a session of its own; what it prints is appended to a log.

    Args:
        argv: The program and its arguments.
        folder: Where it runs.
        environ: All its environment variables.
        log: What it prints to.
        cores: Those that it may run on; ``None``: all.

    Raises:
        OSError: it cannot be started.
        ValueError: an argument or variable has a character that no program can be given.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream, _on_cores(cores):
        child = subprocess.Popen(  # noqa: S603 -- argv as configured, no shell
            list(argv),
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        process = psutil.Process(child.pid)
        identity = Identity(pid=child.pid, process_start=process_start_time(child.pid) or 0.0)
    except psutil.Error as error:
        child.kill()
        child.wait()
        raise ProcessLookupError("it exited before it could be inspected") from error
    return Owned(process=process, identity=identity, child=child)


def spawn_detached(argv: Sequence[str], *, folder: Path, environ: Mapping[str, str], log: Path) -> None:
    """Start a program that is no child of this process, so that it outlives it and leaves no zombie.

    Raises:
        OSError: it cannot be started.
        subprocess.SubprocessError: the same; the reason is in the log.
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


@contextlib.contextmanager
def _on_cores(cores: frozenset[int] | None) -> Iterator[None]:
    """Let this thread, and so what it starts, run on some cores only."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _read_marks(process: psutil.Process, root: str) -> Marked | None:
    try:
        environ = process.environ()
    except (psutil.Error, OSError):
        return None
    if MARKER not in environ or environ.get(ROOT) != root:
        return None
    return Marked(
        process=process,
        marker=environ[MARKER],
        replica=environ.get(REPLICA, ""),
        port=environ.get(PORT, ""),
    )
