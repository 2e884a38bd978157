"""A baseline from a file of the project; in a pull request as it was committed before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.ci.context import base_commit
from pytest_mlops.ci.event import read_event
from pytest_mlops.ci.git import git_file, merge_base, read_file, work_tree
from pytest_mlops.compare.baseline import NoBaseline, read_baseline
from pytest_mlops.errors import EvidenceError, SerializationError
from pytest_mlops.files import write_atomically
from pytest_mlops.records.codec import MAX_RECORD_BYTES, load_integration_result
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.compare.baseline import Baseline, Candidate

__all__ = ["FileSource", "check_out_record"]

MAX_ARRAY_BYTES = 1024 * 1024 * 1024
"""Larger arrays are refused; 100 million examples make about as much."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """The record at a path relative to ``mlops.yaml``."""

    path: str

    def find(self, candidate: Candidate) -> Baseline | NoBaseline:
        """Return the record, as the change under test cannot have written it.

        Raises:
            EvidenceError: it cannot be trusted, or git does not know what was committed.
            IoError: the copy of a committed one could not be written.
        """
        path: Path | None = candidate.folder / self.path
        if candidate.context is Context.PULL_REQUEST:
            path = self._committed(candidate)
        if path is None or not path.exists():
            return NoBaseline(why=(f"there is no file:{self.path}",))
        return read_baseline(f"file:{self.path}", path)

    def _committed(self, candidate: Candidate) -> Path | None:
        base = base_commit(candidate.environ, read_event(candidate.environ))
        if base is None:
            raise EvidenceError(
                "in a pull request a committed baseline is read from the base commit, which the "
                "environment does not name; set MLOPS_BASE, such as MLOPS_BASE=origin/main"
            )
        kept = candidate.arrays.parent / "baseline"
        return check_out_record(candidate.folder / self.path, base, start=candidate.folder, kept=kept)


def check_out_record(path: Path, base: str, *, start: Path, kept: Path) -> Path | None:
    """Write a committed record and the arrays beside it to a folder of their own.

    Args:
        path: Where the record lies in the work tree, or would lie.
        base: The base commit or base branch of the change.
        start: A folder of the work tree.
        kept: Where baselines are kept.

    Returns:
        The copy, as the record stands in the last commit that ``base`` and ``HEAD`` share; ``None`` where
        that commit has no such file.

    Raises:
        EvidenceError: git does not know the commit, or the file is no record.
        IoError: the copy could not be written.
    """
    root, commit = work_tree(start), merge_base(start, base)
    found = git_file(root, path, commit)
    if found is None:
        return None
    data = read_file(found, MAX_RECORD_BYTES)
    copy = kept / f"{commit[:12]}-{found.oid[:12]}" / path.name
    try:
        record = load_integration_result(data)
    except SerializationError as error:
        raise EvidenceError(f"{path.name} in commit {commit[:12]}: {error}") from error
    for array in record.arrays:
        name = f"{array.digest}.npz"
        beside = git_file(root, path.parent / "arrays" / name, commit)
        if beside is not None:
            write_atomically(copy.parent / "arrays" / name, read_file(beside, MAX_ARRAY_BYTES))
    write_atomically(copy, data)
    return copy
