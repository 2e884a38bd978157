"""Finding the baseline: a chain of small providers, each of which answers or says that it has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.evidence.verify import read_record, verify_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.measurement import ArrayRef

__all__ = ["RUN", "Baseline", "find_baseline"]

RUN = "run"
"""The source that stands for predictions of a baseline model in the candidate's own run."""


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


def find_baseline(sources: Sequence[str], folder: Path, *, own: Path, in_run: bool) -> Baseline | None:
    """Return the first baseline that a source has.

    Args:
        sources: As in ``baseline.from``.
        folder: Folder of ``mlops.yaml``, which paths are relative to.
        own: Folder of the candidate's own arrays.
        in_run: Whether the candidate's run recorded predictions of a baseline model.

    Raises:
        EvidenceError: a source has one that cannot be trusted.
    """
    for source in sources:
        if source == RUN:
            found = Baseline(source=RUN, record=None, arrays=own) if in_run else None
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
