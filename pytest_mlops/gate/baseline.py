"""Finding the baseline: a chain of small providers, each of which answers or says that it has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.verify import read_record, verify_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.measurement import ArrayRef
    from pytest_mlops.records.model import ModelVersion

__all__ = ["RUN", "Baseline", "find_baseline"]

RUN = "run"
"""The source that stands for predictions of a baseline model in the candidate's own run."""

REGISTRY = "registry:"
"""What a source begins with that names an alias of the registry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """A baseline that was found.

    Attributes:
        source: Which source it came from.
        record: Its record; ``None`` for one of the same run.
        arrays: Folder of its arrays.
        refs: What was recorded of them; nothing for one of the same run.
    """

    source: str
    record: IntegrationResult | None
    arrays: Path
    refs: tuple[ArrayRef, ...] = ()


def find_baseline(
    sources: Sequence[str], folder: Path, *, own: Path, in_run: bool, version: ModelVersion | None = None
) -> Baseline | None:
    """Return the first baseline that a source has.

    Args:
        sources: As in ``baseline.from``.
        folder: Folder of ``mlops.yaml``, which paths are relative to.
        own: Folder of the candidate's own arrays.
        in_run: Whether the candidate's run recorded predictions of a baseline model.
        version: The candidate, whose model an alias of the registry is one of.

    Raises:
        EvidenceError: a source has one that cannot be trusted.
    """
    for source in sources:
        if source == RUN:
            found = Baseline(source=RUN, record=None, arrays=own) if in_run else None
        elif source.startswith(REGISTRY):
            found = _from_registry(source, folder, version, kept=own.parent / "baselines")
        else:
            found = _from_file(source, folder / source.removeprefix("file:"))
        if found is not None:
            return found
    return None


def _from_file(source: str, path: Path) -> Baseline | None:
    if not path.exists():
        return None
    record = read_record(path)
    verify_record(record, folder=path.parent)
    return Baseline(source=source, record=record, arrays=path.parent / "arrays", refs=record.arrays)


def _from_registry(source: str, folder: Path, version: ModelVersion | None, *, kept: Path) -> Baseline | None:
    from pytest_mlops.gate.registry_baseline import find_registered  # noqa: PLC0415 -- where it is asked for

    if version is None:
        raise EvidenceError(f"{source} is an alias of a model, and no model is named; set model.id")
    found = find_registered(source.removeprefix(REGISTRY), version.model_id, folder=folder, kept=kept)
    if found is None:
        return None
    record, place = found
    return Baseline(source=source, record=record, arrays=place / "arrays", refs=record.arrays)
