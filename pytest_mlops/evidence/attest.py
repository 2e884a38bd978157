"""Attestations beside a record: written for the record that stands there, taken away with it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, IoError
from pytest_mlops.evidence.dsse import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    encode_envelope,
    read_envelope,
    sign_payload,
)
from pytest_mlops.evidence.statement import (
    build_statement,
    dump_statement,
    envelope_path,
    read_test_result,
    statement_path,
)
from pytest_mlops.files import OsErrorsAs, read_bytes, write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.evidence.keys import SigningKey
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["check_attestations", "remove_attestations", "write_attestations"]


def remove_attestations(record: Path) -> None:
    """Take away what an earlier run said of the record at ``record``.

    Raises:
        IoError: a file could not be removed.
    """
    for path in (statement_path(record), envelope_path(record)):
        with OsErrorsAs(IoError, f"cannot remove the old {path}"):
            path.unlink(missing_ok=True)


def check_attestations(path: Path, data: bytes) -> tuple[str, ...]:
    """Compare the attestations beside a record with its bytes; signatures are not checked.

    Args:
        path: Where the record lies.
        data: Its bytes.

    Returns:
        A message about each attestation that is there.

    Raises:
        EvidenceError: one of them cannot be read, or is about another record.
    """
    checks = []
    for what, beside in (("statement", statement_path(path)), ("envelope", envelope_path(path))):
        if not beside.exists():
            continue
        payload = read_bytes(beside, limit=MAX_ENVELOPE_BYTES)
        if what == "envelope":
            payload = read_envelope(payload).payload
        statement = read_test_result(payload)
        digest = hashlib.sha256(data).hexdigest()
        if statement.record_digest != digest:
            raise EvidenceError(
                f"the {what} {beside.name} is about another record (run {statement.run_id:.80}, sha256 "
                f"{statement.record_digest:.12}…); this one has sha256 {digest:.12}…. "
                "Remove the older file"
            )
        checks.append(f"{what} beside it, about these very bytes")
    return tuple(checks)


def write_attestations(
    path: Path, record: IntegrationResult, data: bytes, keys: Sequence[SigningKey] = ()
) -> None:
    """Write the statement about a record, and with ``keys`` the envelope that signs it.

    Signatures of other keys over the very same statement stay in the envelope.

    Args:
        path: Where the record lies.
        record: The record.
        data: Its bytes.
        keys: Keys to sign with.

    Raises:
        IoError: a file could not be written.
    """
    payload = dump_statement(build_statement(record, data, name=path.name))
    write_atomically(statement_path(path), payload)
    if keys:
        envelope = sign_payload(payload, keys)
        write_atomically(envelope_path(path), encode_envelope(_with_others(envelope, envelope_path(path))))


def _with_others(envelope: Envelope, path: Path) -> Envelope:
    """Add the signatures that an envelope at ``path`` holds over the same payload."""
    try:
        before = read_envelope(path.read_bytes())
    except (OSError, EvidenceError):
        return envelope
    if before.payload != envelope.payload:
        return envelope
    ours = {signature.key_id for signature in envelope.signatures}
    others = tuple(signature for signature in before.signatures if signature.key_id not in ours)
    return Envelope(payload=envelope.payload, signatures=others + envelope.signatures)
