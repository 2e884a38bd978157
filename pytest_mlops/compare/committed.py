"""A baseline as it was committed, which the change under test cannot have written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.ci.git import git_file, merge_base, read_file, work_tree
from pytest_mlops.errors import EvidenceError, SerializationError
from pytest_mlops.files import write_atomically
from pytest_mlops.records.codec import MAX_RECORD_BYTES, load_integration_result

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_out_record"]

MAX_ARRAY_BYTES = 1024 * 1024 * 1024
"""Larger arrays are refused; 100 million examples make about as much."""


def check_out_record(path: Path, base: str, *, start: Path, kept: Path) -> Path | None:
    """Write a committed record and the arrays beside it to a folder of their own.

    Args:
        path: Where the record lies in the work tree, or would lie.
        base: The commit or branch that the change is proposed on top of.
        start: A folder of the work tree.
        kept: Where baselines are kept.

    Returns:
        The copy, as the record stands in the last commit that ``base`` and ``HEAD`` share; ``None`` where
        that commit has no such file.

    Raises:
        EvidenceError: git cannot tell, or the file is no record.
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
