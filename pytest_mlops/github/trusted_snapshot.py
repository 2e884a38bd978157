"""What a run starts from, noted before any code of the tests runs and held against what is there after it."""

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
from pytest_mlops.github.config import Config
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Pins", "pins_after", "pins_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pins:
    """What was so before; empty where nobody noted it.

    Attributes:
        event: SHA-256 of the event that started the run.
        head: The commit that is checked out.
        policy_changes: What the base says is done about changes of its policy.
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
        """Return what is no longer as it was, where that leaves nothing to be believed."""
        if not self.event or _event(environ) == self.event:
            return None
        return "the event of this run was rewritten while the tests ran"


def pins_of(environ: Mapping[str, str]) -> Pins:
    """Look at what there is now; what cannot be told is left empty.

    Args:
        environ: Environment variables of the runner and of the action.
    """
    try:
        settings = Config.from_environ(environ)
    except ConfigError:  # said by the step that needs it
        return Pins(event=_event(environ))
    folder = settings.working_directory
    base = base_commit(environ, read_event(environ))
    decision = None if base is None else stated_decision(folder, settings.config, base)
    return Pins(
        event=_event(environ), head=_head(folder), policy_changes="" if decision is None else decision
    )


def pins_after(environ: Mapping[str, str]) -> Pins:
    """Return what was noted before, as the action hands it on."""
    return Pins(
        event=environ.get("MLOPS_PINNED_EVENT", ""),
        head=commit_of(environ.get("MLOPS_PINNED_HEAD")) or "",
        policy_changes=environ.get("MLOPS_PINNED_POLICY_CHANGES", ""),
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
    sys.stdout.buffer.write(pins_of(os.environ).lines().encode())  # the same ends of lines everywhere
