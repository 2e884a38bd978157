"""The interface of baseline sources: the candidate goes in, a baseline comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pytest_mlops.evidence.verify import read_record, verify_record
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.measurement import ArrayRef
    from pytest_mlops.records.model import ModelVersion

__all__ = ["Baseline", "BaselineSource", "Candidate", "NoBaseline", "read_baseline"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """The run that a baseline is for.

    Attributes:
        refs: What its tests recorded.
        arrays: Folder of its arrays.
        version: The model that was tested, whose model an alias of the registry is one of.
        folder: Folder of ``mlops.yaml``, which paths are relative to.
        context: Where the run is judged. In a pull request a file is read as it was committed before it.
        environ: Environment variables, which name the base of a pull request.
    """

    refs: Sequence[ArrayRef] = ()
    arrays: Path
    version: ModelVersion | None = None
    folder: Path
    context: Context = Context.LOCAL
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_baseline(self) -> bool:
        """Whether its own tests recorded predictions of a baseline model."""
        return any("baseline" in array.fields for array in self.refs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """A baseline that was found.

    Attributes:
        source: Which source it came from, as ``baseline.from`` names it.
        record: Its record; ``None`` for one of the same run.
        arrays: Folder of its arrays.
        refs: What was recorded of them; nothing for one of the same run.
    """

    source: str
    record: IntegrationResult | None
    arrays: Path
    refs: tuple[ArrayRef, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NoBaseline:
    """There is none.

    Attributes:
        why: The reasons of the sources.
    """

    why: tuple[str, ...] = ()


class BaselineSource(Protocol):
    """A source that may have a baseline."""

    def find(self, candidate: Candidate) -> Baseline | NoBaseline:
        """Return its baseline for ``candidate``.

        Raises:
            EvidenceError: it has one that cannot be trusted, or cannot be read.
            IoError: a copy of one could not be written.
        """


def read_baseline(source: str, path: Path, *, run_id: str | None = None) -> Baseline:
    """Read and verify the record at ``path``, whose arrays lie beside it.

    Args:
        source: Where it came from.
        path: The record.
        run_id: The run it has to be of, where that is known.

    Raises:
        EvidenceError: it cannot be trusted.
    """
    record = read_record(path)
    verify_record(record, folder=path.parent, run_id=run_id)
    return Baseline(source=source, record=record, arrays=path.parent / "arrays", refs=record.arrays)
