"""The context of a run, from environment variables and the event that started it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Literal

from pytest_mlops.ci.event import commit_of, text_of
from pytest_mlops.verdict import Context, strictest

__all__ = [
    "Trust",
    "base_commit",
    "ci_run",
    "commits",
    "context_from_environ",
    "context_of",
    "new_run_id",
    "on_github",
    "on_gitlab",
    "trust_from_event",
]

Trust = Literal["local", "ci", "untrusted-pr"]

_NO_COMMIT = re.compile(r"0+")
"""What stands for the commit before the first one."""
# Events of a pull request for which GitHub makes a merge commit and names it in GITHUB_SHA.
_MERGED = frozenset({"pull_request", "pull_request_review", "pull_request_review_comment"})
# On pull_request_target GITHUB_SHA is the base's last commit: nothing was merged.
_OF_PULL_REQUEST = _MERGED | {"pull_request_target"}


def context_from_environ(environ: Mapping[str, str]) -> Context:
    """Return the context in which the gate decides.

    A published release or a pushed tag is a release. Everything else that runs in CI counts as a pull
    request, a schedule or a manual start too: no one is there to read a warning.
    """
    if on_github(environ):
        tag = environ.get("GITHUB_EVENT_NAME") == "push" and environ.get("GITHUB_REF_TYPE") == "tag"
        released = tag or environ.get("GITHUB_EVENT_NAME") == "release"
        return Context.RELEASE if released else Context.PULL_REQUEST
    if on_gitlab(environ):
        return Context.RELEASE if environ.get("CI_COMMIT_TAG") else Context.PULL_REQUEST
    return Context.PULL_REQUEST if _true(environ, "CI") else Context.LOCAL


def context_of(named: Context | None, environ: Mapping[str, str]) -> Context:
    """Return the stricter of a context that was named and that of the CI event: no option lowers it."""
    found = context_from_environ(environ)
    return found if named is None else strictest(named, found)


def new_run_id() -> str:
    """Return an id that no other run has: 32 random hex digits."""
    return os.urandom(16).hex()


def ci_run(environ: Mapping[str, str]) -> str | None:
    """Return the address of the CI run; ``None`` where there is none or it is not known."""
    if on_github(environ):
        names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
        server, repository, run = (environ.get(name) for name in names)
        if not (server and repository and run):
            return None
        attempt = environ.get("GITHUB_RUN_ATTEMPT")
        return f"{server}/{repository}/actions/runs/{run}" + (f"/attempts/{attempt}" if attempt else "")
    if on_gitlab(environ):
        return environ.get("CI_PIPELINE_URL") or None
    return environ.get("BUILD_URL") or None


def trust_from_event(environ: Mapping[str, str], event: Mapping[str, object] | None) -> Trust:
    """Return whether the author of the code under test may write to the repository.

    Args:
        environ: Environment variables.
        event: The webhook payload that started a run on GitHub; ``None`` where it could not be read.

    Returns:
        ``untrusted-pr`` for a pull request from another repository, from one deleted since, or from one that
        cannot be determined; ``local`` outside CI; else ``ci``.
    """
    if on_github(environ):
        name = environ.get("GITHUB_EVENT_NAME")
        if name in _OF_PULL_REQUEST:
            head = text_of(event, "pull_request", "head", "repo", "full_name")
            base = text_of(event, "pull_request", "base", "repo", "full_name")
        elif name == "workflow_run":  # follows another run, that of a pull request from a fork perhaps
            head = text_of(event, "workflow_run", "head_repository", "full_name")
            base = text_of(event, "repository", "full_name")
        elif name == "issue_comment":  # anyone may comment, and it does not name the code
            issue = event.get("issue") if event is not None else None
            return "ci" if isinstance(issue, Mapping) and "pull_request" not in issue else "untrusted-pr"
        else:
            return "ci"
        return "ci" if head is not None and head == base else "untrusted-pr"
    if on_gitlab(environ):
        source, target = (
            environ.get(f"CI_MERGE_REQUEST_{name}") for name in ("SOURCE_PROJECT_ID", "PROJECT_ID")
        )
        return "ci" if source == target else "untrusted-pr"
    return "ci" if _true(environ, "CI") else "local"


def commits(environ: Mapping[str, str], event: Mapping[str, object] | None) -> tuple[str | None, str | None]:
    """Return (head, merge): the commit that was proposed, and the merge of it that CI checks out, if any."""
    if on_github(environ):
        name, sha = environ.get("GITHUB_EVENT_NAME"), commit_of(environ.get("GITHUB_SHA"))
        if name in _OF_PULL_REQUEST:
            head = commit_of(text_of(event, "pull_request", "head", "sha"))
            return head, sha if name in _MERGED else None
        if name == "merge_group":
            return commit_of(text_of(event, "merge_group", "head_sha")) or sha, None
        return sha, None
    if on_gitlab(environ):
        sha = commit_of(environ.get("CI_COMMIT_SHA"))
        # Named only in a pipeline for merged results, whose own commit is the merge.
        head = commit_of(environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"))
        return (head, sha) if head else (sha, None)
    return None, None


def on_github(environ: Mapping[str, str]) -> bool:
    """Return whether this is a run of GitHub Actions."""
    return _true(environ, "GITHUB_ACTIONS")


def on_gitlab(environ: Mapping[str, str]) -> bool:
    """Return whether this is a job of GitLab."""
    return _true(environ, "GITLAB_CI")


def _true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() not in {"", "0", "false", "no", "off"}


def base_commit(environ: Mapping[str, str], event: Mapping[str, object] | None) -> str | None:
    """Return the commit or branch that the tested change is compared with; ``None`` where it is unknown.

    Args:
        environ: Environment variables. ``MLOPS_BASE`` names it where CI does not.
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
    return "HEAD" if commit is None or _NO_COMMIT.fullmatch(commit) else commit
