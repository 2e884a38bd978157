"""Finding the baseline: a chain of small providers, each of which answers or says that it has none."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_mlops.ci.context import base_commit
from pytest_mlops.ci.event import read_event
from pytest_mlops.compare.committed import check_out_record
from pytest_mlops.compare.fetched import fetched_record
from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.verify import read_record, verify_record
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.measurement import ArrayRef
    from pytest_mlops.records.model import ModelVersion

__all__ = ["RUN", "Baseline", "NoBaseline", "find_baseline", "refuse_stale"]

RUN = "run"
"""The source that stands for predictions of a baseline model in the candidate's own run."""

REGISTRY = "registry"
"""What a source begins with that names an alias of the registry."""

NO_ENVIRON: Mapping[str, str] = MappingProxyType({})


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


@dataclass(frozen=True, kw_only=True, slots=True)
class NoBaseline:
    """No source has one.

    Attributes:
        why: What sources that had to be looked for elsewhere said.
    """

    why: tuple[str, ...] = ()


def find_baseline(
    sources: Sequence[str],
    folder: Path,
    *,
    own: Path,
    in_run: bool,
    version: ModelVersion | None = None,
    context: Context = Context.LOCAL,
    environ: Mapping[str, str] = NO_ENVIRON,
) -> Baseline | NoBaseline:
    """Return the first baseline that a source has.

    Args:
        sources: As in ``baseline.from``.
        folder: Folder of ``mlops.yaml``, which paths are relative to.
        own: Folder of the candidate's own arrays.
        in_run: Whether the candidate's run recorded predictions of a baseline model.
        version: The candidate, whose model an alias of the registry is one of.
        context: Where the question is asked. In a pull request a file is read as it was committed before it.
        environ: Environment variables, which say what the pull request is proposed on top of.

    Raises:
        EvidenceError: a source has one that cannot be trusted, or cannot be asked.
        IoError: a copy of one could not be written.
    """
    why = []
    found: Path | str | None
    for source in sources:
        if source == RUN:
            if in_run:
                return Baseline(source=RUN, record=None, arrays=own)
            continue
        kind, _, place = source.partition(":")
        if kind == "artifact":
            found = fetched_record(source, environ)
        elif kind == REGISTRY:
            found = _from_registry(source, folder, version, kept=own.parent / "baselines", context=context)
        elif context is Context.PULL_REQUEST:
            found = _committed(folder, place, own.parent / "baseline", environ)
        else:
            found = folder / place
        if isinstance(found, str):
            why.append(found)
        elif found is not None and found.exists():
            return _read(source, found)
        else:
            why.append(f"there is no {source}")
    return NoBaseline(why=tuple(why))


def _committed(folder: Path, place: str, kept: Path, environ: Mapping[str, str]) -> Path | None:
    base = base_commit(environ, read_event(environ))
    if base is None:
        raise EvidenceError(
            "in a pull request a committed baseline is read from the commit it is proposed on top of, and "
            "nothing here says which that is; name it in MLOPS_BASE, as MLOPS_BASE=origin/main"
        )
    return check_out_record(folder / place, base, start=folder, kept=kept)


def _read(source: str, path: Path) -> Baseline:
    record = read_record(path)
    verify_record(record, folder=path.parent)
    return Baseline(source=source, record=record, arrays=path.parent / "arrays", refs=record.arrays)


def _from_registry(
    source: str, folder: Path, version: ModelVersion | None, *, kept: Path, context: Context
) -> Path | None:
    from pytest_mlops.compare.from_registry import find_registered  # noqa: PLC0415 -- where it is asked for

    if version is None:
        raise EvidenceError(f"{source} is an alias of a model, and no model is named; set model.id")
    alias = source.partition(":")[2]
    return find_registered(alias, version.model_id, folder=folder, kept=kept, context=context)


def refuse_stale(baseline: Baseline, most: int | None, now: datetime) -> None:
    """Refuse a baseline whose record is more than ``most`` days old.

    Raises:
        EvidenceError: it is; the message says how old it may be.
    """
    if baseline.record is None or most is None:
        return
    age = (now - baseline.record.timestamp).days
    if age > most:
        raise EvidenceError(
            f"it was measured {age} days ago, and baseline.max_age_days is {most}; measure its branch again"
        )
