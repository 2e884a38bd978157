"""Input files of actions/attest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_mlops.evidence.statement import build_statement
from pytest_mlops.files import write_atomically
from pytest_mlops.text import one_line
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.github.ruling import Ruling

__all__ = ["PREDICATE", "SUBJECTS", "attestation_files", "may_be_attested", "write_attestation"]

PREDICATE, SUBJECTS = "predicate.json", "subjects.txt"
"""Names of the two files, for ``predicate-path`` and ``subject-checksums`` of actions/attest."""

MAX_PREDICATE = 16 * 1024 * 1024
"""Bytes that actions/attest takes at most."""

_NAMES = ("passedTests", "warnedTests", "failedTests")


def may_be_attested(ruling: Ruling) -> bool:
    """Return whether a record may be attested: an allowed success that no fork's code made."""
    record = ruling.record
    if record is None or record.provenance.trust == "untrusted-pr":
        return False
    return ruling.success and ruling.decision is Decision.ALLOW


def attestation_files(ruling: Ruling, *, name: str) -> dict[str, bytes]:
    """Return the files by their names; their statement is built from the bytes that were judged.

    The subjects are lines of digest, two spaces and name, as ``sha256sum`` writes them, the record first.

    Args:
        ruling: A ruling with a record.
        name: Name of the record's file.
    """
    if ruling.record is None:
        raise ValueError("there is no record to attest")
    statement = build_statement(ruling.record, ruling.content, name=name)
    *model, record = statement["subject"]
    lines = [f"{one['digest']['sha256']}  {one_line(one['name'], 250)}\n" for one in (record, *model)]
    return {PREDICATE: _predicate(statement["predicate"]), SUBJECTS: "".join(lines).encode()}


def write_attestation(ruling: Ruling, *, name: str, folder: Path) -> None:
    """Write the files into ``folder``.

    Raises:
        IoError: they cannot be written.
    """
    for file, data in attestation_files(ruling, name=name).items():
        write_atomically(folder / file, data)


def _predicate(predicate: dict[str, Any]) -> bytes:
    """Write the predicate; where it is too large, without the names of the tests, whose numbers stay."""
    data = _written(predicate)
    if len(data) <= MAX_PREDICATE:
        return data
    return _written({key: value for key, value in predicate.items() if key not in _NAMES})


def _written(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False).encode()
