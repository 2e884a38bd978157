"""Staging: a version's files are copied to a release of their own, durably, and checked by their digests.

A release is a folder that is there as a whole or not at all::

    model/NAME                     the model, a file or a folder
    code/…                         what ``serve.code`` names
    evidence/integration-result.json, with the files beside a record: envelope, statement, arrays, artifacts
    golden.json                    the golden predictions
    release.json                   the digests of all of it

The source is read once: each file is hashed while it is copied, so that what was copied is what is compared.
The release is read once more where it lies.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, IoError, ModelArtifactNotFound
from pytest_mlops.evidence.artifact import resolve_artifact
from pytest_mlops.evidence.digest import combine_digests, copy_artifact, digest_artifact
from pytest_mlops.evidence.statement import envelope_path, statement_path
from pytest_mlops.evidence.verify import parse_record
from pytest_mlops.files import read_bytes, sync_folder
from pytest_mlops.records.codec import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_mlops.evidence.digest import ArtifactDigest
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.plan import DeploymentPlan

__all__ = ["MANIFEST", "check_release", "prune_releases", "stage"]

MANIFEST = "release.json"
_TEMPORARY = ".staging-"
_MAX_MANIFEST_BYTES = 1024 * 1024


def stage(plan: DeploymentPlan) -> None:
    """Copy a version's files to its release, unless it is there, and check the release that is there then.

    Args:
        plan: The deployment.

    Raises:
        EvidenceError: what was copied is not what was tested, or is not what lies in the release.
        ModelArtifactNotFound: the model, or a file that ``serve.code`` names, is missing.
        IoError: a file could not be read or written; nothing half copied stays.
    """
    if not (Path(plan.release) / MANIFEST).is_file():
        _make_release(plan)
    check_release(plan)


def check_release(plan: DeploymentPlan) -> None:
    """Read every byte of a release and compare it with the digests of its deployment and of its manifest.

    Raises:
        EvidenceError: something in it was changed, added beside the model, or is missing.
    """
    release = Path(plan.release)
    _check_record(plan, read_bytes(plan.record, limit=MAX_RECORD_BYTES), where=release)
    try:
        stated = dict(json.loads(read_bytes(release / MANIFEST, limit=_MAX_MANIFEST_BYTES)))
        found = _digest_release(plan)
    except ModelArtifactNotFound as error:
        raise EvidenceError(f"the release {release} is incomplete: {error}") from error
    except (ValueError, TypeError, OSError) as error:
        raise EvidenceError(f"the release {release} cannot be read: {error}") from error
    for name in sorted(stated.keys() | found.keys()):
        if stated.get(name) != found.get(name):
            raise EvidenceError(
                f"{name} in {release} has the digest {found.get(name)}; when it was staged it had "
                f"{stated.get(name)}"
            )


def prune_releases(layout: Layout, keep: Callable[[], Iterable[str]]) -> None:
    """Remove the releases of an environment that are not to be kept, and what crashes have left.

    Args:
        layout: Where they lie.
        keep: Returns folders, as absolute paths. It is called after the releases were listed: one that is
            staged meanwhile, by a process that took over, is not in the list.
    """
    try:
        there = sorted(layout.releases.iterdir())
    except FileNotFoundError:
        return
    kept = {Path(folder) for folder in keep()}
    for folder in there:
        if folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _make_release(plan: DeploymentPlan) -> None:
    release = Path(plan.release)
    temporary = release.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
    try:
        temporary.mkdir(parents=True)
        sync_folder(temporary.parent)
        _copy_evidence(plan, temporary)
        manifest = json.dumps(_copy_files(plan, temporary), sort_keys=True)
        _write(temporary / MANIFEST, manifest.encode())
        for folder, _, _ in os.walk(temporary):
            sync_folder(Path(folder))
        _put(temporary, release)
    except (OSError, IoError) as error:
        raise IoError(
            f"cannot stage {plan.version} in {release}: {getattr(error, 'strerror', None) or error}; nothing "
            "was left there. Correct that and deploy again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put(temporary: Path, release: Path) -> None:
    """Give a whole copy its name; one that is whole there stays, for it may be serving.

    Another process may have staged it meanwhile, which took the lease from this one.
    """
    if (release / MANIFEST).is_file():
        return
    if release.exists():  # half removed
        shutil.rmtree(release)
    temporary.replace(release)
    sync_folder(release.parent)


def _copy_evidence(plan: DeploymentPlan, target: Path) -> None:
    source = Path(plan.source.record)
    data = read_bytes(source, limit=MAX_RECORD_BYTES)
    _check_record(plan, data, where=source.parent)
    staged = target / plan.record.relative_to(plan.release)
    _write(staged, data)
    envelope = Path(plan.source.envelope) if plan.source.envelope else envelope_path(source)
    beside = {envelope: envelope_path(staged), statement_path(source): statement_path(staged)}
    record = parse_record(data, str(source))
    names = [f"arrays/{array.digest}.npz" for array in record.arrays]
    names += [f"artifacts/{artifact.digest}" for artifact in record.artifacts]
    beside |= {source.parent / name: staged.parent / name for name in names}
    for origin, copy in beside.items():
        if origin.is_file():
            copy_artifact(origin, copy)


def _copy_files(plan: DeploymentPlan, target: Path) -> dict[str, str]:
    """Copy model, code and golden predictions; return the manifest, of the bytes that were read.

    Raises:
        EvidenceError: the model is not the one that was tested.
    """
    project, source = Path(plan.project), Path(plan.source.model)
    model = copy_artifact(source, target / "model" / source.name)
    _check_model(plan, model.digest, where=source.parent)
    manifest = {"model": combine_digests(_inside(source.name, source, model))}
    code: dict[str, tuple[int, str]] = {}
    for name in plan.serve.code:
        origin = resolve_artifact(project, name)
        code |= _inside(Path(name).as_posix(), origin, copy_artifact(origin, target / "code" / name))
    if code:
        manifest["code"] = combine_digests(code)
    golden = plan.environment.golden
    if golden is not None:
        origin = resolve_artifact(project, golden.file)
        copied = copy_artifact(origin, target / plan.golden.name)
        manifest["golden"] = next(iter(copied.digests.values()))
    return manifest


def _inside(name: str, source: Path, copied: ArtifactDigest) -> dict[str, tuple[int, str]]:
    """Return the files of a copy by the names that they have in the folder around it."""
    prefix = f"{name}/" if source.is_dir() else ""
    return {
        f"{prefix}{file}" if prefix else name: (copied.stamps[file].size, digest)
        for file, digest in copied.digests.items()
    }


def _digest_release(plan: DeploymentPlan) -> dict[str, str]:
    """Return name -> digest of what a release holds besides the record, as its manifest has it.

    Raises:
        EvidenceError: the model is not the one that was tested.
    """
    release, name = Path(plan.release), plan.model.name
    model = digest_artifact(release / "model")
    strangers = [file for file in model.digests if file != name and not file.startswith(f"{name}/")]
    if strangers:
        raise EvidenceError(f"{strangers[0]} in {release / 'model'} does not belong to the model {name}")
    files = {
        file.removeprefix(f"{name}/"): (model.stamps[file].size, model.digests[file])
        for file in model.digests
    }
    _check_model(plan, combine_digests(files), where=release)
    found = {"model": model.digest}
    if plan.serve.code:
        found["code"] = digest_artifact(release / "code").digest
    golden = release / plan.golden.name
    if golden.is_file():
        found["golden"] = hashlib.sha256(golden.read_bytes()).hexdigest()
    return found


def _check_record(plan: DeploymentPlan, data: bytes, *, where: Path) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != plan.source.record_digest:
        raise EvidenceError(
            f"the record in {where} has the digest {found}; the one that was verified has "
            f"{plan.source.record_digest}"
        )


def _check_model(plan: DeploymentPlan, found: str, *, where: Path) -> None:
    if found != plan.digest:
        raise EvidenceError(
            f"the model in {where} has the digest {found}; the one that was tested has {plan.digest}"
        )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
