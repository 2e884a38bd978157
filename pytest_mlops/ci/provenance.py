"""Provenance: where, with what and on which commit the evidence was made."""

from __future__ import annotations

import os
import platform
import re
import sys
from typing import TYPE_CHECKING

from pytest_mlops.ci.context import ci_run, commits, trust_from_event
from pytest_mlops.ci.event import read_event
from pytest_mlops.ci.git import git_state
from pytest_mlops.ci.redaction import redacted
from pytest_mlops.records.integration import Provenance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["collect_provenance", "installed_packages"]

_DIST_INFO = re.compile(r"(?P<name>[A-Za-z0-9._-]+)-(?P<version>[A-Za-z0-9._!+]+)\.dist-info")


def collect_provenance(
    *,
    environ: Mapping[str, str],
    folder: Path,
    pytest_version: str,
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
        pytest_version: Version of the pytest that runs the tests.
        config: ``mlops.yaml`` as seen from the folder the run was started in.
        arguments: Arguments of the command line; values that look secret are left out.
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
        pytest_version=pytest_version,
        python=platform.python_version(),
        platform=platform.platform(),
        packages=packages,
        commit_head=head,
        commit_merge=merge,
        dirty=dirty,
        ci_run=ci_run(environ),
        trust=trust_from_event(environ, event),
        config=config,
        arguments=redacted(arguments),
        workers=workers,
        seeds=dict(seeds or {}),
    )


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
    """Return (head, merge) of what was tested: the checkout on disk decides over what CI announced.

    A workflow may check out the head itself, where no merge was tested, or on pull_request_target the base.
    """
    if here is None or here == merge:
        return head, merge
    return here, None
