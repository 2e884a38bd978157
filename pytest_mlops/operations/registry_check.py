"""Checking a registered version: its requirements here and where it was tested, and its stored bytes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, NotRegistered
from pytest_mlops.operations.registry import open_project_registry
from pytest_mlops.registry.compatibility import (
    check_consistent,
    check_installed,
    check_tested,
    compare_metadata,
)
from pytest_mlops.registry.lineage import EVIDENCE
from pytest_mlops.store.history import get_result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.operations.project import Project
    from pytest_mlops.registry.artifacts import ArtifactStore
    from pytest_mlops.registry.compatibility import MetadataChange, RequirementProblem
    from pytest_mlops.registry.entries import VersionEntry
    from pytest_mlops.registry.registry import Registry

__all__ = ["Checked", "check_version"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What was found.

    Attributes:
        entry: The version.
        problems: Requirements that are not met, each once.
        stored: What is wrong with the bytes that are kept, of the model or of the evidence; ``None`` where
            they are whole, or none are.
        against: The version whose metadata was compared.
        changes: Metadata that differs from that version's.
    """

    entry: VersionEntry
    problems: tuple[RequirementProblem, ...]
    stored: str | None
    against: str | None
    changes: tuple[MetadataChange, ...]

    @property
    def holds(self) -> bool:
        """Whether the version can run and is intact; a changed hyperparameter does not matter."""
        return self.stored is None and not any(problem.blocks for problem in self.problems)


def check_version(
    project: Project,
    model_id: str,
    version_id: str,
    *,
    against: str | None = None,
    installed: Mapping[str, str] | None = None,
) -> Checked:
    """Check a version's requirements, its kept bytes, and its metadata.

    Args:
        project: The project.
        model_id: The model.
        version_id: The version, or ``@champion``.
        against: The version it would replace, or an alias with ``@``.
        installed: Package -> version of where it would run; by default, of this environment.

    Raises:
        NotRegistered: there is no such version.
        StoreError: there is no store, or the store or the artifacts cannot be read.
    """
    with open_project_registry(project) as registry:
        return _check(registry, registry.get(model_id, version_id), against, installed)


def _check(
    registry: Registry, entry: VersionEntry, against: str | None, installed: Mapping[str, str] | None
) -> Checked:
    version = entry.model_version
    needs = version.metadata.dependencies
    problems = [*check_consistent(needs), *check_installed(needs, installed)]
    if entry.run_id is not None:
        with contextlib.suppress(NotRegistered):  # history keeps less than the registry
            problems += check_tested(needs, get_result(registry.store, entry.run_id).provenance)
    current = None if against is None else registry.get(entry.model_id, against)
    return Checked(
        entry=entry,
        problems=tuple(dict.fromkeys(problems)),
        stored=_stored(registry, entry) or _evidence(registry, entry),
        against=None if current is None else current.version_id,
        changes=() if current is None else compare_metadata(version, current.model_version),
    )


def _stored(registry: Registry, entry: VersionEntry) -> str | None:
    if not entry.stored or entry.digest is None or registry.artifacts is None:
        return None
    return _damage(registry.artifacts, entry.digest)


def _evidence(registry: Registry, entry: VersionEntry) -> str | None:
    """Describe what is wrong with the stored record and arrays of the run that a version rests on."""
    if registry.artifacts is None:
        return None
    mine = [
        link.digest
        for link in registry.links(entry)
        if (link.relation, link.target) == (EVIDENCE, entry.run_id)
    ]
    if not mine or mine[0] is None:
        return None
    problem = _damage(registry.artifacts, mine[0])
    return None if problem is None else f"its evidence, run {entry.run_id}: {problem}"


def _damage(artifacts: ArtifactStore, digest: str) -> str | None:
    try:
        artifacts.verify(digest)
    except (EvidenceError, NotRegistered) as error:
        return str(error)
    return None
