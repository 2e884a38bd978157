"""Garbage collection of an artifact store: unneeded manifests first, then blobs that no manifest names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import NotRegistered
from pytest_mlops.registry.artifacts import manifest_key
from pytest_mlops.registry.blob_store import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_mlops.registry.artifacts import ArtifactStore

__all__ = ["Swept", "sweep"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    """What was removed, or under a dry run would be."""

    manifests: int = 0
    blobs: int = 0
    size: int = 0
    """Bytes of the blobs."""


def sweep(artifacts: ArtifactStore, dead: Collection[str], *, before: float, dry_run: bool = False) -> Swept:
    """Remove dead artifacts, blobs that no manifest names, and what crashes left half-written.

    Nothing that was written or renewed since ``before`` is touched. A put that runs meanwhile renews each
    blob that it needs and checks for all of them once its manifest is written, so it loses none.

    Args:
        artifacts: The store to sweep.
        dead: Digests of artifacts that no version needs; all others stay.
        before: Seconds since the epoch.
        dry_run: Count only.

    Raises:
        EvidenceError: a manifest cannot be trusted, so that the blobs it needs are unknown.
        StoreError: the blob store cannot be read or written.
    """
    blobs = artifacts.blobs
    old = [item for item in blobs.items("blobs") if item.modified < before]
    gone = {digest for digest in dead if _drop(artifacts, digest, before=before, dry_run=dry_run)}
    needed: set[str] = set()
    for item in list(blobs.items("manifests")):
        digest = item.key.rpartition("/")[2].removesuffix(".json")
        if digest not in gone:
            needed |= _needs(artifacts, digest)
    count = size = 0
    for item in old:
        if item.key.rpartition("/")[2] in needed:
            continue
        if dry_run or blobs.remove(item.key, before=before):
            count, size = count + 1, size + item.size
    if not dry_run:
        for item in list(blobs.items(TEMPORARY)):
            blobs.remove(item.key, before=before)
    return Swept(manifests=len(gone), blobs=count, size=size)


def _drop(artifacts: ArtifactStore, digest: str, *, before: float, dry_run: bool) -> bool:
    """Remove a manifest that is old enough; return whether it was, or would be."""
    key = manifest_key(digest)
    if artifacts.blobs.size(key) is None:
        return False
    if dry_run:
        beside = artifacts.blobs.items(key.rpartition("/")[0])
        return any(item.key == key and item.modified < before for item in beside)
    return artifacts.blobs.remove(key, before=before)


def _needs(artifacts: ArtifactStore, digest: str) -> set[str]:
    try:
        return {file.digest for file in artifacts.manifest(digest).files}
    except NotRegistered:  # another sweep was faster
        return set()
