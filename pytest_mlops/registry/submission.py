"""Submitting a version: its evidence into the history, its bytes into the artifact store, then its entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, InvalidMetadata
from pytest_mlops.evidence.statement import envelope_path, statement_path
from pytest_mlops.evidence.verify import read_record, verify_record
from pytest_mlops.registry.entries import Link
from pytest_mlops.registry.lineage import EVIDENCE
from pytest_mlops.store.history import record_result

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.registry.artifacts import ArtifactStore
    from pytest_mlops.registry.entries import Registration
    from pytest_mlops.registry.registry import Registry

__all__ = ["RECORD_NAME", "submit_record", "submit_version"]

RECORD_NAME = "integration-result.json"
"""Name of the record among the files that are kept as a version's evidence."""


def submit_version(registry: Registry, version: ModelVersion, *, model: Path | None = None) -> Registration:
    """Register a version without evidence.

    Args:
        registry: Where.
        version: The version; without a digest it gets that of ``model``.
        model: Its files, which are kept; ``None`` to register the version alone.

    Raises:
        ConflictError: the name is taken by other bytes.
        InvalidMetadata: the files are not those of the version's digest, or a name cannot be one.
        ModelArtifactNotFound: the files cannot be read.
        StoreError: something could not be written.
    """
    if model is None or registry.artifacts is None:
        return registry.register(version)
    manifest = registry.artifacts.put(model)
    if version.digest is None:
        version = version.model_copy(update={"digest": manifest.digest})
    if version.digest != manifest.digest:
        raise InvalidMetadata(
            f"{version.model_id} {version.version_id} has the digest {version.digest}, and the files at "
            f"{model} have {manifest.digest}; name its own files"
        )
    return registry.register(version, stored=True)


def submit_record(
    registry: Registry,
    path: Path,
    *,
    model: Path | None = None,
    keep_files: bool = True,
    tags: tuple[str, ...] = (),
) -> Registration:
    """Register the version that a gate record is about, on the evidence of that record.

    Every verified record may be submitted, whatever its verdict: a registry lists what exists. Bytes are
    stored first, the history follows, the entry is last, so that an entry never points to what is not there.

    Args:
        registry: Where.
        path: The record; its arrays and artifacts lie beside it.
        model: The model's files; ``None`` if they cannot be had.
        keep_files: Whether to keep the model's files, the record, arrays and artifacts, so that the version
            can be deployed from here, and be a baseline.
        tags: Tags beside those of the version.

    Raises:
        EvidenceError: the record does not hold, is of the future, has no model digest, or lacks its arrays.
        ConflictError: the name is taken by other bytes, or the run by another record.
        StoreError: something could not be written.
    """
    record = read_record(path)
    verify_record(record, folder=path.parent, model=model)
    version = record.model_version
    if version is None or version.digest is None:
        raise EvidenceError(
            f"the record at {path} has no model digest, so it cannot be evidence for a version; "
            "set model.artifact in mlops.yaml, and run the gate again"
        )
    digest = version.digest
    version = version.model_copy(update={"tags": tuple(dict.fromkeys((*version.tags, *tags)))})
    links = [*_tested_on(record), *_code_of(record)]
    stored = False
    if keep_files and registry.artifacts is not None:
        bundle = registry.artifacts.put_files(_files(record, path))
        links.append(Link(relation=EVIDENCE, target=record.run_id, digest=bundle.digest))
        stored = model is not None and _keep_model(registry.artifacts, model, digest)
    # Only mlops.yaml limits the history: registering a version removes nothing.
    record_result(registry.store, record, actor=registry.actor, keep=None, at=registry.clock())
    return registry.register(version, run_id=record.run_id, links=links, stored=stored, tags=tags)


def _keep_model(artifacts: ArtifactStore, model: Path, digest: str) -> bool:
    manifest = artifacts.put(model)
    if manifest.digest != digest:
        raise EvidenceError(f"the model at {model} changed while it was stored; restore the tested model")
    return True


def _files(record: IntegrationResult, path: Path) -> dict[str, Path]:
    """Return name -> path of the record, of what was attested about it, and of all that lies beside it."""
    names = [f"arrays/{array.digest}.npz" for array in record.arrays]
    names += [f"artifacts/{artifact.digest}" for artifact in record.artifacts]
    files = {name: path.parent / name for name in names}
    missing = [name for name, file in files.items() if not file.is_file()]
    if missing:
        raise EvidenceError(
            f"{len(missing)} of {len(files)} arrays and artifacts are not beside {path} "
            f"(first: {missing[0]}); copy them too, or register without the files"
        )
    files[RECORD_NAME] = path
    attested = (statement_path, envelope_path)
    files |= {make(path.with_name(RECORD_NAME)).name: make(path) for make in attested if make(path).is_file()}
    return files


def _tested_on(record: IntegrationResult) -> list[Link]:
    """Return the data that the run measured on; one data set may have been used with several sets of rows."""
    found = sorted({(array.dataset or "default", array.data) for array in record.arrays})
    names = [name for name, _ in found]
    return [
        Link(
            relation="tested_on",
            target=name if names.count(name) == 1 else f"{name} {digest[:12]}",
            digest=digest,
        )
        for name, digest in found
    ]


def _code_of(record: IntegrationResult) -> list[Link]:
    commit = record.provenance.commit_merge or record.provenance.commit_head
    return [] if commit is None else [Link(relation="code", target=commit)]
