"""Facts of a run, recorded before any code of the tests runs."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.ci.context import base_commit
from pytest_mlops.ci.event import MAX_EVENT_BYTES, commit_of, read_event
from pytest_mlops.ci.git import head_commit
from pytest_mlops.errors import ConfigError, EvidenceError
from pytest_mlops.files import read_bytes
from pytest_mlops.github.base_policy import stated_decision
from pytest_mlops.github.settings import ActionSettings
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TrustedSnapshot", "recorded_snapshot", "take_snapshot"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustedSnapshot:
    """Facts before the tests; empty where they were not recorded.

    Attributes:
        event: SHA-256 of the event that started the run.
        head: The commit that is checked out.
        policy_changes: What the base's policy decides about changes of it.
    """

    event: str = ""
    head: str = ""
    policy_changes: str = ""

    def lines(self) -> str:
        """Return them as outputs of a step, which no later step can rewrite."""
        return f"event={self.event}\nhead={self.head}\npolicy-changes={self.policy_changes}\n"

    @property
    def blocks(self) -> bool:
        """Whether the base blocks changes of its policy."""
        return self.policy_changes == Decision.BLOCK

    def problem(self, environ: Mapping[str, str]) -> str | None:
        """Return what was changed since in a way that makes the run untrustworthy."""
        if not self.event or _event(environ) == self.event:
            return None
        return "the event of this run was rewritten while the tests ran"


def take_snapshot(environ: Mapping[str, str]) -> TrustedSnapshot:
    """Take the snapshot; what is unknown stays empty.

    Args:
        environ: Environment variables of the runner and of the action.
    """
    try:
        settings = ActionSettings.from_environ(environ)
    except ConfigError:  # reported by the step that needs it
        return TrustedSnapshot(event=_event(environ))
    folder = settings.working_directory
    base = base_commit(environ, read_event(environ))
    decision = None if base is None else stated_decision(folder, settings.config, base)
    return TrustedSnapshot(
        event=_event(environ), head=_head(folder), policy_changes="" if decision is None else decision
    )


def recorded_snapshot(environ: Mapping[str, str]) -> TrustedSnapshot:
    """Return the snapshot that an earlier step of the action recorded."""
    return TrustedSnapshot(
        event=environ.get("MLOPS_TRUSTED_EVENT", ""),
        head=commit_of(environ.get("MLOPS_TRUSTED_HEAD")) or "",
        policy_changes=environ.get("MLOPS_TRUSTED_POLICY_CHANGES", ""),
    )


def _event(environ: Mapping[str, str]) -> str:
    name = environ.get("GITHUB_EVENT_PATH")
    if not name:
        return ""
    try:
        return hashlib.sha256(read_bytes(Path(name), limit=MAX_EVENT_BYTES)).hexdigest()
    except EvidenceError:
        return ""


def _head(folder: Path) -> str:
    try:
        return head_commit(folder) if folder.is_dir() else ""
    except EvidenceError:
        return ""


if __name__ == "__main__":
    sys.stdout.buffer.write(take_snapshot(os.environ).lines().encode())  # the same line ends everywhere
