"""The registry of a project: which versions there are, what they rest on, and where the aliases point."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import EvidenceError, StoreError, refuse
from pytest_mlops.evidence.artifact import resolve_artifact
from pytest_mlops.evidence.verify import read_record
from pytest_mlops.operations.project import open_project_store
from pytest_mlops.operations.verify import locate_model
from pytest_mlops.registry.artifacts import open_artifacts
from pytest_mlops.registry.entries import Revision
from pytest_mlops.registry.registry import Registry
from pytest_mlops.registry.submission import submit_record, submit_version
from pytest_mlops.store.log import default_actor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import timedelta
    from pathlib import Path

    from pytest_mlops.operations.project import Project
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.registry.entries import (
        AliasMove,
        AliasPage,
        Lineage,
        Registration,
        VersionEntry,
        VersionPage,
    )
    from pytest_mlops.registry.registry import Pruned

__all__ = [
    "AliasExpectation",
    "Aliases",
    "Listed",
    "alias_history",
    "get_version",
    "list_versions",
    "move_alias",
    "open_project_registry",
    "pin",
    "prune",
    "register",
    "register_version",
    "tag_version",
    "unpin",
    "version_lineage",
]

Aliases = dict[tuple[str, str], list[str]]
"""(model id, version id) -> aliases that point there, with ``@``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """Versions, with the aliases that point to them.

    Attributes:
        page: The versions.
        aliases: Aliases of their models.
    """

    page: VersionPage
    aliases: Aliases

    def aliases_of(self, entry: VersionEntry) -> Sequence[str]:
        """Return the aliases that point to a version."""
        return self.aliases.get((entry.model_id, entry.version_id), ())


@dataclass(frozen=True, kw_only=True, slots=True)
class AliasExpectation:
    """Where an alias is expected to point before it is moved; exactly one of them is given.

    Attributes:
        version: At this version.
        revision: After this many moves.
        new: Nowhere.
    """

    version: str | None = None
    revision: int | None = None
    new: bool = False


@contextlib.contextmanager
def open_project_registry(project: Project, *, create: bool = False) -> Iterator[Registry]:
    """Open the registry of a project.

    Args:
        project: The project.
        create: Whether a store is made where there is none.

    Raises:
        StoreError: there is no store, or it cannot be opened.
    """
    artifacts = open_artifacts(folder=project.folder)
    with open_project_store(project, absent=None if create else "nothing is registered") as store:
        yield Registry(store, artifacts=artifacts, actor=default_actor())


def register(
    project: Project,
    record: Path,
    *,
    model: Path | None = None,
    keep_files: bool = True,
    tags: Sequence[str] = (),
) -> tuple[Registration, Sequence[str]]:
    """Register the version that a record is about; return what was done, and the version's aliases.

    Args:
        project: The project.
        record: The record; it is verified first.
        model: The model's files; by default those that the record names, where they exist.
        keep_files: Whether files, record and arrays are kept beside the store.
        tags: Tags beside those of the version.

    Raises:
        ConflictError: the name is taken by other bytes.
        EvidenceError: the record cannot be trusted.
        StoreError: the store or the artifacts cannot be written.
    """
    files = model
    if files is None:
        found = locate_model(read_record(record), project.folder)
        files = found if found is not None and found.exists() else None
    with open_project_registry(project, create=True) as registry:
        done = submit_record(registry, record, model=files, keep_files=keep_files, tags=tuple(tags))
        return done, _aliases_to(registry, done.entry)


def register_version(
    project: Project, version: ModelVersion, *, evidence: Path | None = None
) -> VersionEntry:
    """Register a version; one that is registered with the same bytes is left as it is.

    Args:
        project: The project.
        version: The version; its ``artifact_path`` is relative to the project's folder.
        evidence: The record of its run; the version is registered as the record has it.

    Raises:
        ConflictError: the name is taken by other bytes.
        EvidenceError: the record does not hold, or is of another version.
        ModelArtifactNotFound: the model's files are missing.
        StoreError: the store or the artifacts cannot be written.
    """
    model = None if version.artifact_path is None else resolve_artifact(project.folder, version.artifact_path)
    with open_project_registry(project, create=True) as registry:
        if evidence is None:
            return submit_version(registry, version, model=model).entry
        tested = read_record(evidence).model_version
        expected = (version.model_id, version.version_id)
        if tested is None or (tested.model_id, tested.version_id) != expected:
            named = "no version" if tested is None else f"{tested.model_id} {tested.version_id}"
            raise EvidenceError(
                f"the record at {evidence} is of {named}; expected one of {' '.join(expected)}"
            )
        return submit_record(registry, evidence, model=model).entry


def get_version(
    project: Project, model: str, version: str, *, to: Path | None = None
) -> tuple[VersionEntry, Sequence[str]]:
    """Return a version and its aliases, and fetch its files into the new folder ``to``, verified.

    Raises:
        EvidenceError: the files that are kept are damaged.
        NotRegistered: there is no such version.
        StoreError: there is no store, the files are not kept, or they cannot be written.
    """
    with open_project_registry(project) as registry:
        entry = registry.get(model, version)
        if to is not None:
            _fetch(registry, entry, to)
        return entry, _aliases_to(registry, entry)


def list_versions(project: Project, **filters: Any) -> Listed:
    """List versions, newest first.

    Args:
        project: The project.
        filters: As of :func:`pytest_mlops.registry.versions.list_versions`.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    with open_project_registry(project) as registry:
        page = registry.list(**filters)
        return Listed(page=page, aliases=_aliases(registry, {entry.model_id for entry in page.entries}))


def tag_version(
    project: Project, model: str, version: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> tuple[VersionEntry, Sequence[str]]:
    """Add tags to a version and remove tags from it; return it and its aliases.

    Raises:
        InvalidMetadata: a tag cannot be one.
        NotRegistered: there is no such version.
        StoreError: there is no store, or it cannot be written.
    """
    with open_project_registry(project) as registry:
        name = registry.get(model, version).version_id
        entry = registry.tag(model, name, add=add, remove=remove)
        return entry, _aliases_to(registry, entry)


def version_lineage(project: Project, model: str, version: str) -> Lineage:
    """Return the ancestors, data, code and evidence of a version.

    Raises:
        NotRegistered: there is no such version.
        StoreError: there is no store, or it cannot be read.
    """
    with open_project_registry(project) as registry:
        return registry.lineage(model, registry.get(model, version).version_id)


def move_alias(
    project: Project,
    model: str,
    alias: str,
    *,
    to: str | None,
    delete: bool = False,
    expected: AliasExpectation,
    reason: str,
    run_id: str | None = None,
    require_pass: bool = False,
) -> AliasMove:
    """Move an alias by compare-and-set.

    Args:
        project: The project.
        model: The model.
        alias: The alias.
        to: The version to point to, or ``@ALIAS``.
        delete: Whether it is deleted; then there is no ``to``.
        expected: Where it points now.
        reason: Why.
        run_id: The recorded run that this rests on.
        require_pass: Whether a version whose evidence is not a PASS is refused.

    Raises:
        ConfigError: neither or both of ``to`` and ``delete``, or not one expectation.
        ConflictError: the alias points elsewhere; the message says who moved it.
        EvidenceError: the evidence does not suffice.
        NotRegistered: there is no such version.
        StoreError: there is no store, or it cannot be written.
    """
    with open_project_registry(project) as registry:
        state = registry.alias_state(model, alias)
        now = "--new" if state.version_id is None else f"--expect {state.version_id}"
        before = _expected(expected, now=now)
        return registry.move_alias(
            model,
            alias,
            _target(registry, model, to, delete=delete),
            expected=before,
            reason=reason,
            run_id=run_id,
            require_pass=require_pass,
        )


def alias_history(
    project: Project, model: str, alias: str, *, limit: int = 20, cursor: int | None = None
) -> AliasPage:
    """Return the moves of an alias, newest first.

    Raises:
        NotRegistered: the alias was never set.
        StoreError: there is no store, or it cannot be read.
    """
    with open_project_registry(project) as registry:
        return registry.alias_history(model, alias, cursor=cursor, limit=limit)


def prune(
    project: Project,
    *,
    model: str | None = None,
    keep: int | None = None,
    older_than: timedelta | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Remove old versions, and bytes that no version needs; see :meth:`Registry.prune`."""
    with open_project_registry(project) as registry:
        return registry.prune(model, keep=keep, older_than=older_than, dry_run=dry_run)


def pin(project: Project, model: str, version: str, *, holder: str) -> str:
    """Protect a version from being removed until its holder unpins it; return its id.

    Raises:
        NotRegistered: there is no such version.
        StoreError: there is no store, or it cannot be written.
    """
    with open_project_registry(project) as registry:
        name = registry.get(model, version).version_id
        registry.pin(model, name, holder=holder)
        return name


def unpin(project: Project, model: str, version: str, *, holder: str) -> tuple[str, bool]:
    """End a holder's pin of a version; return the version's id, and whether the holder had pinned it.

    Raises:
        NotRegistered: there is no such version.
        StoreError: there is no store, or it cannot be written.
    """
    with open_project_registry(project) as registry:
        name = registry.get(model, version).version_id
        return name, registry.unpin(model, name, holder=holder)


def _fetch(registry: Registry, entry: VersionEntry, to: Path) -> None:
    if not entry.stored or entry.digest is None or registry.artifacts is None:
        raise StoreError(f"the files of {entry.model_id} {entry.version_id} are not stored here")
    registry.artifacts.get(entry.digest, to)


def _aliases(registry: Registry, models: Iterable[str]) -> Aliases:
    found: Aliases = {}
    for model in sorted(models):
        for state in registry.aliases(model):
            found.setdefault((model, str(state.version_id)), []).append(f"@{state.alias}")
    return found


def _aliases_to(registry: Registry, entry: VersionEntry) -> Sequence[str]:
    return _aliases(registry, [entry.model_id]).get((entry.model_id, entry.version_id), [])


def _expected(expected: AliasExpectation, *, now: str) -> str | Revision | None:
    given = (expected.version is not None) + (expected.revision is not None) + expected.new
    if given != 1:
        refuse(
            "registry alias",
            f"state where the alias points now, with --expect, --expect-revision or --new; that is {now}",
        )
    return expected.version if expected.revision is None else Revision(number=expected.revision)


def _target(registry: Registry, model: str, to: str | None, *, delete: bool) -> str | None:
    if (to is not None) + delete != 1:
        refuse("registry alias", "set the version with --to, or delete the alias with --delete")
    return registry.get(model, to).version_id if to is not None and to.startswith("@") else to
