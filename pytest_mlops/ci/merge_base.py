"""The commit that a change is proposed on top of, told from what CI says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_mlops.ci.context import commit_of, on_github, on_gitlab, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["base_commit"]

NOTHING = re.compile(r"0+")
"""What stands for the commit before the first one."""


def base_commit(environ: Mapping[str, str], event: Mapping[str, object] | None) -> str | None:
    """Return the commit or branch that what is tested will be held against; ``None`` where nobody says.

    Args:
        environ: Environment variables. ``MLOPS_BASE`` says it where CI does not.
        event: The webhook payload that started a run on GitHub; ``None`` where it could not be read.

    Returns:
        For a pull request the last commit of its base, for a merge group the one below it, for a push the one
        before; ``HEAD`` where a branch itself is tested, as on a schedule.
    """
    if environ.get("MLOPS_BASE"):
        return environ["MLOPS_BASE"]
    if on_github(environ):
        return _on_github(environ, event)
    if on_gitlab(environ):
        if "CI_MERGE_REQUEST_IID" in environ:
            return commit_of(environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA"))
        return _before(environ.get("CI_COMMIT_BEFORE_SHA"))
    return None


def _on_github(environ: Mapping[str, str], event: Mapping[str, object] | None) -> str | None:
    name = environ.get("GITHUB_EVENT_NAME", "")
    if name.startswith("pull_request"):
        branch = environ.get("GITHUB_BASE_REF")
        known = commit_of(text_of(event, "pull_request", "base", "sha"))
        return known or (f"origin/{branch}" if branch else None)
    if name == "merge_group":
        return commit_of(text_of(event, "merge_group", "base_sha"))
    return _before(text_of(event, "before"))


def _before(value: str | None) -> str:
    commit = commit_of(value)
    return "HEAD" if commit is None or NOTHING.fullmatch(commit) else commit
