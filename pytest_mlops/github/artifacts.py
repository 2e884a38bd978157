"""Artifacts that trusted runs of a branch uploaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import EvidenceError, HttpError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mlops.github.client import Client

__all__ = ["MAX_ARCHIVE", "Artifact", "artifacts_of", "fetch_archive", "shared_commit"]

MAX_ARCHIVE = 1024 * 1024 * 1024
EVENTS = frozenset({"push", "schedule", "workflow_dispatch"})
"""Events whose runs on a branch execute that branch's own, reviewed code, and no artifact of others."""

CHUNK = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """An uploaded record.

    Attributes:
        number: Of the artifact.
        commit: The commit that was measured.
        run: Number of the run.
        created: When, as GitHub writes it; later is greater.
        size: Bytes of the archive.
        digest: ``sha256:`` and hex, where GitHub states it.
    """

    number: int
    commit: str
    run: int
    created: str
    size: int
    digest: str | None


def artifacts_of(client: Client, *, repository: str, name: str, branch: str) -> list[Artifact]:
    """Return the artifacts of a branch that are still there, the newest first.

    A branch of the same name in a fork is another branch.

    Raises:
        HttpError: GitHub does not list them.
    """
    listed = client.pages(f"/repos/{repository}/actions/artifacts", "artifacts", name=name)
    found = [artifact for one in listed if (artifact := _read(one, name, branch)) is not None]
    return sorted(found, key=lambda artifact: (artifact.created, artifact.number), reverse=True)


def in_order(artifacts: list[Artifact], first: str | None) -> Iterator[Artifact]:
    """Yield those of the commit ``first``, then all others."""
    yield from (artifact for artifact in artifacts if artifact.commit == first)
    yield from (artifact for artifact in artifacts if artifact.commit != first)


def of_branch_itself(client: Client, repository: str, artifact: Artifact) -> bool:
    """Return whether the run behind an artifact executed the code of its branch.

    A run that follows another one (``workflow_run``) belongs to the branch as well, and may pass on what a
    fork's pull request made.

    Raises:
        HttpError: GitHub cannot be asked.
    """
    run = client.get(f"/repos/{repository}/actions/runs/{artifact.run}")
    return isinstance(run, dict) and run.get("event") in EVENTS and run.get("head_sha") == artifact.commit


def shared_commit(client: Client, repository: str, base: str, head: str) -> str | None:
    """Return the last commit that two share; ``None`` where they share none.

    Raises:
        HttpError: GitHub cannot be asked.
    """
    try:
        compared = client.get(f"/repos/{repository}/compare/{base}...{head}", per_page=1)
    except HttpError as error:
        if error.status == 404:
            return None
        raise
    commit = compared.get("merge_base_commit") if isinstance(compared, dict) else None
    sha = commit.get("sha") if isinstance(commit, dict) else None
    return sha if isinstance(sha, str) else None


def fetch_archive(client: Client, repository: str, artifact: Artifact, target: Path) -> None:
    """Download an artifact.

    Raises:
        EvidenceError: it is too large, or its bytes are not those that were uploaded.
        HttpError: it cannot be had.
        IoError: it cannot be written.
    """
    if artifact.size > MAX_ARCHIVE:
        raise EvidenceError(f"the artifact has {artifact.size:,} bytes, the limit is {MAX_ARCHIVE:,}")
    client.download(f"/repos/{repository}/actions/artifacts/{artifact.number}/zip", target, MAX_ARCHIVE)
    if artifact.digest is not None:
        with target.open("rb") as stream:
            got = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
        if got != artifact.digest:
            raise EvidenceError(f"the artifact has the digest {got}; {artifact.digest} was uploaded")


def _read(one: Any, name: str, branch: str) -> Artifact | None:
    run = one.get("workflow_run") if isinstance(one, dict) else None
    if not isinstance(run, dict) or one.get("expired") is not False or one.get("name") != name:
        return None
    own = run.get("repository_id") is not None and run.get("head_repository_id") == run.get("repository_id")
    fields = (one.get("id"), run.get("id"), one.get("size_in_bytes"))
    if not own or run.get("head_branch") != branch or not all(isinstance(field, int) for field in fields):
        return None
    digest = one.get("digest")
    return Artifact(
        number=one["id"],
        commit=str(run.get("head_sha")),
        run=run["id"],
        created=str(one.get("created_at")),
        size=one["size_in_bytes"],
        digest=digest if isinstance(digest, str) and digest.startswith("sha256:") else None,
    )
