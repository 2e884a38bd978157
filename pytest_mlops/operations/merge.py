"""Merging the records of a test matrix into one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import refuse
from pytest_mlops.evidence.verify import read_record, verify_record
from pytest_mlops.files import write_atomically
from pytest_mlops.gate.merge import Expected, Shard, copy_beside, merge_shards
from pytest_mlops.gate.output import discard_record
from pytest_mlops.operations.gate_run import DEFAULT_RESULT
from pytest_mlops.records.codec import dump

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["Merged", "merge", "read_expected", "read_shard"]

RECORD_NAME = Path(DEFAULT_RESULT).name


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """A merged record.

    Attributes:
        record: The record.
        shards: Records that it was merged from.
    """

    record: IntegrationResult
    shards: int


def merge(paths: Sequence[Path], expect: str, *, output: Path = Path(DEFAULT_RESULT)) -> Merged:
    """Verify the records of a matrix, merge them, judge the whole again, and write it.

    An earlier record at ``output`` is removed first, so that none stands where merging is refused.

    Args:
        paths: Records, or folders with one.
        expect: As in :func:`read_expected`.
        output: Where the merged record goes; arrays and artifacts go beside it.

    Raises:
        ConfigError: ``expect`` cannot be read.
        EvidenceError: a record cannot be trusted, or they do not belong together.
        IoError: the output cannot be written.
    """
    if output.resolve() not in {_record_of(path).resolve() for path in paths}:
        discard_record(output)
    expected = read_expected(expect)
    shards = [shard for path in paths if (shard := read_shard(path)) is not None]
    record = merge_shards(shards, expected)
    copy_beside(shards, output.parent)
    write_atomically(output, dump(record).encode())
    return Merged(record=record, shards=len(shards))


def read_expected(text: str) -> Expected:
    """Read a manifest: a number of shards, or their names separated by commas.

    Raises:
        ConfigError: it is neither.
    """
    if text.strip().isdecimal():
        count = int(text)
        if count == 0:
            refuse("--expect", "got 0; expected the number of shards")
        return Expected(count=count)
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) != len(names):
        refuse("--expect", f"got {text!r:.100}; expected a number, or different names separated by commas")
    return Expected(count=len(names), names=names)


def read_shard(path: Path) -> Shard | None:
    """Read and verify one record, or the one in a folder; ``None`` where there is none.

    Raises:
        EvidenceError: there is one that cannot be trusted.
    """
    file = _record_of(path)
    if not file.exists():
        return None
    record = read_record(file)
    verify_record(record, folder=file.parent)
    return Shard(name=file.resolve().parent.name, record=record, folder=file.parent)


def _record_of(path: Path) -> Path:
    return path / RECORD_NAME if path.is_dir() else path
