"""Provenance: where, with what and on which commit the evidence was made."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.ci.context import ci_run, commits, trust_from_event
from pytest_mlops.errors import SerializationError
from pytest_mlops.records.integration import Provenance
from pytest_mlops.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["MAX_EVENT_BYTES", "collect_provenance", "git_state", "installed_packages", "read_event"]

MAX_EVENT_BYTES = 32 * 1024 * 1024
"""Larger event files are not read; GitHub delivers at most 25 MB."""

_GIT_SECONDS = 10
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DIST_INFO = re.compile(r"(?P<name>[A-Za-z0-9._-]+)-(?P<version>[A-Za-z0-9._!+]+)\.dist-info")


def collect_provenance(
    *,
    environ: Mapping[str, str],
    folder: Path,
    config: str | None = None,
    arguments: Sequence[str] = (),
    workers: int = 0,
    seeds: Mapping[str, int] | None = None,
    tool_version: str | None = None,
) -> Provenance:
    """Gather what is known of this run; what is not known is left out, never guessed.

    Args:
        environ: Environment variables.
        folder: A folder of the tested checkout.
        config: ``mlops.yaml`` as seen from the folder the run was started in.
        arguments: Arguments of the command line.
        workers: xdist workers, 0 for one process.
        seeds: Name -> seed, of everything random in the run.
        tool_version: Version of this package; by default, of the one installed.
    """
    event = read_event(environ)
    packages = installed_packages(sys.path)
    here, dirty = git_state(folder)
    head, merge = _tested(here, *commits(environ, event))
    return Provenance(
        tool_version=tool_version or packages.get("pytest-mlops", "not installed"),
        pytest_version=pytest.__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        packages=packages,
        commit_head=head,
        commit_merge=merge,
        dirty=dirty,
        ci_run=ci_run(environ),
        trust=trust_from_event(environ, event),
        config=config,
        arguments=tuple(arguments),
        workers=workers,
        seeds=dict(seeds or {}),
    )


def read_event(environ: Mapping[str, str]) -> dict[str, object] | None:
    """Return the event that started a run on GitHub; ``None`` where there is none that can be read."""
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return None
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(MAX_EVENT_BYTES + 1)
        event = parse_json(text) if len(text) <= MAX_EVENT_BYTES else None
    except (OSError, SerializationError):
        return None
    return event if isinstance(event, dict) else None


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit checked out in ``folder``, and whether a tracked file differs from it.

    Both are ``None`` where git is missing, the folder is in no repository, nothing was committed yet, or git
    does not answer within ten seconds.
    """
    # One command for both: starting git is most of its cost. No optional locks: git may be at work beside us.
    command = [
        "git",
        "--no-optional-locks",
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=no",
    ]
    try:
        done = subprocess.run(  # noqa: S603 -- no shell, and no argument from outside
            command,
            cwd=folder,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None, None
    lines = done.stdout.decode(errors="replace").split("\0")
    commit = next(
        (line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")), ""
    )
    if done.returncode != 0 or not _COMMIT.fullmatch(commit):
        return None, None
    return commit, any(line and not line.startswith("# ") for line in lines)


def installed_packages(paths: Iterable[str]) -> dict[str, str]:
    """Return normalised name -> version of the packages on ``paths``, sorted; the first found counts.

    Only the names of the ``.dist-info`` folders are read (PyPA, Recording installed projects). To read every
    package's METADATA, as importlib.metadata does, takes forty milliseconds where this takes one.
    """
    found: dict[str, str] = {}
    for path in paths:
        for name in _names(path or "."):
            if match := _DIST_INFO.fullmatch(name):
                found.setdefault(re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"])
    return dict(sorted(found.items()))


def _names(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries)
    except OSError:  # sys.path names archives and folders that are not there
        return []


def _tested(here: str | None, head: str | None, merge: str | None) -> tuple[str | None, str | None]:
    """Return (head, merge) of what was tested: what lies on disk has the last word over what CI announced.

    A workflow may check out the head itself, where no merge was tested, or on pull_request_target the base.
    """
    if here is None or here == merge:
        return head, merge
    return here, None
