"""Staging: a version's files are copied to a release of their own, durable and held against their digests.

A release is a folder that is there as a whole or not at all::

    model/NAME                     the model, a file or a folder
    code/…                         what ``serve.code`` names
    evidence/integration-result.json, with what lies beside a record: envelope, statement, arrays, artifacts
    golden.json                    the golden predictions
    release.json                   the digests of all of it
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import EvidenceError, IoError, ModelArtifactNotFound
from pytest_mlops.evidence.digest import digest_artifact, resolve_artifact
from pytest_mlops.evidence.statement import envelope_path, statement_path
from pytest_mlops.evidence.verify import parse_record
from pytest_mlops.files import read_bytes, sync_folder
from pytest_mlops.records.codec import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.plan import DeploymentPlan

__all__ = ["MANIFEST", "check_release", "prune_releases", "stage"]

MANIFEST = "release.json"
_TEMPORARY = ".staging-"
_CHUNK = 1024 * 1024


def stage(plan: DeploymentPlan) -> None:
    """Copy a version's files to its release; one that is whole already is only held against its digests.

    Args:
        plan: The deployment.

    Raises:
        EvidenceError: what was copied is not what was tested.
        ModelArtifactNotFound: the model, or a file that ``serve.code`` names, is missing.
        IoError: a file could not be read or written; nothing half copied stays.
    """
    release = Path(plan.release)
    if (release / MANIFEST).is_file():
        check_release(plan)
        return
    temporary = release.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
    try:
        _make_folder(temporary)
        _copy_all(plan, temporary)
        _write(temporary / MANIFEST, json.dumps(_digests(plan, temporary), sort_keys=True).encode())
        check_release(plan.model_copy(update={"release": str(temporary)}))
        _sync_folders(temporary)
        _put(temporary, release)
    except OSError as error:
        raise IoError(
            f"cannot stage {plan.version} in {release}: {error.strerror or error}; nothing was left there, "
            "mend it and deploy again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    check_release(plan)


def check_release(plan: DeploymentPlan) -> None:
    """Hold a release against the digests of its deployment and of its own manifest.

    Raises:
        EvidenceError: something in it was changed, or is missing.
    """
    release = Path(plan.release)
    data = read_bytes(plan.record, limit=MAX_RECORD_BYTES)
    found = hashlib.sha256(data).hexdigest()
    if found != plan.source.record_digest:
        raise EvidenceError(
            f"the record in {release} has the digest {found}; the one that was verified has "
            f"{plan.source.record_digest}"
        )
    try:
        model = digest_artifact(plan.model).digest
        stated = json.loads(read_bytes(release / MANIFEST, limit=_CHUNK))
        digests = _digests(plan, release)
    except ModelArtifactNotFound as error:
        raise EvidenceError(f"the release {release} is not whole: {error}") from error
    except (ValueError, OSError) as error:
        raise EvidenceError(f"the release {release} cannot be read: {error}") from error
    if model != plan.digest:
        raise EvidenceError(
            f"the model in {release} has the digest {model}; the one that was tested has {plan.digest}"
        )
    for name, digest in digests.items():
        if stated.get(name) != digest:
            raise EvidenceError(
                f"{name} in {release} has the digest {digest}; when it was staged it had {stated.get(name)}"
            )


def _put(temporary: Path, release: Path) -> None:
    """Give a whole copy its name; one that is whole there stays, for it may be serving.

    Somebody may have staged it meanwhile who took the lease from us.
    """
    if (release / MANIFEST).is_file():
        return
    if release.exists():  # half removed
        shutil.rmtree(release)
    temporary.replace(release)
    sync_folder(release.parent)


def prune_releases(layout: Layout, keep: Callable[[], Iterable[str]]) -> None:
    """Remove the releases of an environment that are not to be kept, and what crashes have left.

    Args:
        layout: Where they lie.
        keep: Returns folders, as absolute paths. It is asked after the releases were listed: one that is
            staged meanwhile by whoever took over is not in the list.
    """
    try:
        there = sorted(layout.releases.iterdir())
    except FileNotFoundError:
        return
    kept = {Path(folder) for folder in keep()}
    for folder in there:
        if folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _copy_all(plan: DeploymentPlan, target: Path) -> None:
    _copy_tree(Path(plan.source.model), target / "model" / Path(plan.source.model).name)
    for name in plan.serve.code:
        _copy_tree(resolve_artifact(Path(plan.project), name), target / "code" / name)
    _copy_evidence(plan, target / "evidence")
    golden = plan.environment.golden
    if golden is not None:
        _copy_file(resolve_artifact(Path(plan.project), golden.file), target / plan.golden.name)


def _copy_evidence(plan: DeploymentPlan, target: Path) -> None:
    source = Path(plan.source.record)
    data = read_bytes(source, limit=MAX_RECORD_BYTES)
    staged = target / plan.record.name
    _write(staged, data)
    envelope = Path(plan.source.envelope) if plan.source.envelope else envelope_path(source)
    beside = {envelope: envelope_path(staged), statement_path(source): statement_path(staged)}
    record = parse_record(data, str(source))
    for array in record.arrays:
        name = f"arrays/{array.digest}.npz"
        beside[source.parent / name] = target / name
    for artifact in record.artifacts:
        name = f"artifacts/{artifact.digest}"
        beside[source.parent / name] = target / name
    for origin, copy in beside.items():
        if origin.is_file():
            _copy_file(origin, copy)


def _copy_tree(source: Path, target: Path) -> None:
    """Copy just the files that make the digest of an artifact; links become what they point to."""
    if source.is_file():
        _copy_file(source, target)
        return
    for name in digest_artifact(source).stamps:
        _copy_file(source / name, target / name)


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as stream, target.open("xb") as copy:
        shutil.copyfileobj(stream, copy, _CHUNK)
        copy.flush()
        os.fsync(copy.fileno())
    shutil.copymode(source, target)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _digests(plan: DeploymentPlan, release: Path) -> dict[str, Any]:
    """Return name -> digest of what a release holds besides the model and the record."""
    found: dict[str, Any] = {"model": digest_artifact(release / "model").digest}
    if plan.serve.code:
        found["code"] = digest_artifact(release / "code").digest
    golden = release / plan.golden.name
    if golden.is_file():
        found["golden"] = hashlib.sha256(golden.read_bytes()).hexdigest()
    return found


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True)
    sync_folder(folder.parent)


def _sync_folders(root: Path) -> None:
    for folder, _, _ in os.walk(root):
        sync_folder(Path(folder))
