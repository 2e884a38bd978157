"""Fetches baselines before a run: the record of the merge base, else of the latest good run."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.compare.artifact import Fetched, Receipt, write_receipt
from pytest_mlops.errors import EvidenceError, HttpError, IoError, MLOpsError
from pytest_mlops.evidence.verify import read_record, verify_record
from pytest_mlops.files import OsErrorsAs
from pytest_mlops.github.artifacts import (
    artifacts_of,
    fetch_archive,
    in_order,
    of_branch_itself,
    shared_commit,
)
from pytest_mlops.github.unpack import unpack_record
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.ci.event import Activity
    from pytest_mlops.github.artifacts import Artifact
    from pytest_mlops.github.client import Client
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["MOST_TRIED", "BaselineRequest", "fetch_baselines"]

MOST_TRIED = 20
"""Artifacts that are read before a branch counts as having no good one."""

GONE = frozenset({404, 410})
GOOD = frozenset({Verdict.PASS, Verdict.WAIVED})


@dataclass(frozen=True, kw_only=True, slots=True)
class BaselineRequest:
    """Baselines to fetch.

    Attributes:
        sources: As in ``baseline.from``; only ``artifact:BRANCH`` is fetched.
        artifact: Name that records are uploaded under.
        record: Path of the record in the artifact, where it holds several.
        history: Good records besides the baseline, which show whether the baseline drifts.
    """

    sources: Sequence[str]
    artifact: str
    record: str | None = None
    history: int = 0


def fetch_baselines(client: Client, activity: Activity, request: BaselineRequest, folder: Path) -> Receipt:
    """Fetch every source into ``folder``, clearing it first, and write a receipt of the outcome.

    A failure is part of the receipt: the gate must not take it for a first run.

    Raises:
        IoError: ``folder`` cannot be written.
    """
    with OsErrorsAs(IoError, f"cannot clear {folder}"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    found: dict[str, Fetched] = {}
    for source in request.sources:
        kind, _, branch = source.partition(":")
        if kind == "artifact" and source not in found:
            subfolder = f"{len(found)}-{re.sub('[^A-Za-z0-9]+', '-', branch)[:40]}"
            try:
                found[source] = _fetch(client, activity, request, branch, folder, subfolder)
            except MLOpsError as error:
                found[source] = Fetched(status="failed", message=str(error))
    receipt = Receipt(sources=found)
    write_receipt(folder, receipt)
    return receipt


def _fetch(
    client: Client, activity: Activity, request: BaselineRequest, branch: str, folder: Path, subfolder: str
) -> Fetched:
    repository = activity.repository
    first = _merge_base(client, activity)
    listed = artifacts_of(client, repository=repository, name=request.artifact, branch=branch)
    # The commit under test cannot be its own baseline.
    listed = [artifact for artifact in listed if artifact.commit != activity.head_sha]
    good: list[tuple[Artifact, Path]] = []
    undecided: list[tuple[Artifact, Path]] = []
    unusable = ""
    for number, artifact in enumerate(list(in_order(listed, first))[:MOST_TRIED]):
        if len(good) > request.history:
            break
        try:
            if not of_branch_itself(client, repository, artifact):
                continue
            path, record = _unpacked(client, repository, artifact, request, folder / subfolder / str(number))
        except (EvidenceError, HttpError) as error:
            if isinstance(error, HttpError) and error.status not in GONE:
                raise
            unusable = unusable or f"; that of run {artifact.run} cannot be used: {error}"
            continue
        if record.verdict in GOOD:
            good.append((artifact, path))
        elif record.verdict is Verdict.UNDECIDED:
            undecided.append((artifact, path))
    # The first run of a branch has nothing to be compared with, and is UNDECIDED for it.
    usable = good or undecided[:1]
    if not usable:
        return Fetched(
            status="none",
            message=f"{branch} has no successful run with an artifact {request.artifact!r}{unusable}",
        )
    artifact, path = usable[0]
    how = "at the merge base" if artifact.commit == first else "the latest good one"
    return Fetched(
        status="found",
        message=f"run {artifact.run} of {branch} at {artifact.commit[:12]}, {how}",
        record=path.relative_to(folder).as_posix(),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        history=tuple(older.relative_to(folder).as_posix() for _, older in usable[1:]),
    )


def _merge_base(client: Client, activity: Activity) -> str | None:
    if activity.base_sha is None or activity.head_sha is None:
        return None
    return shared_commit(client, activity.repository, activity.base_sha, activity.head_sha)


def _unpacked(
    client: Client, repository: str, artifact: Artifact, request: BaselineRequest, target: Path
) -> tuple[Path, IntegrationResult]:
    """Download, unpack and verify one artifact.

    Raises:
        EvidenceError: it is not what may be compared with.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-") as scratch:
        archive = Path(scratch) / "artifact.zip"
        fetch_archive(client, repository, artifact, archive)
        path = unpack_record(archive, target, record=request.record)
    record = read_record(path)
    verify_record(record, folder=path.parent)
    if record.provenance.trust == "untrusted-pr":
        raise EvidenceError("it is from a pull request of another repository")
    tested = {record.provenance.commit_head, record.provenance.commit_merge}
    if artifact.commit not in tested:
        raise EvidenceError(f"it is of commit {record.provenance.commit_head}, not of {artifact.commit}")
    return path, record
