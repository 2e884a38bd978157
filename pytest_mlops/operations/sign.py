"""Signing a record."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.ci.context import trust_from_event
from pytest_mlops.ci.event import read_event
from pytest_mlops.errors import ConfigError, EvidenceError, refuse
from pytest_mlops.evidence.attest import write_attestations
from pytest_mlops.evidence.keys import load_public_key, load_signing_key
from pytest_mlops.evidence.statement import envelope_path
from pytest_mlops.evidence.verify import parse_record, verify_record
from pytest_mlops.files import read_bytes
from pytest_mlops.operations.verify import locate_model
from pytest_mlops.records.codec import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.evidence.keys import PublicKey, SigningKey

__all__ = ["KEY_VARIABLE", "Signed", "read_key", "sign", "sign_file"]

KEY_VARIABLE = "MLOPS_SIGNING_KEY"
UNTRUSTED = "untrusted-pr"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """A record that was signed.

    Attributes:
        envelope: The DSSE envelope beside it.
        keys: Ids of the keys that signed.
    """

    envelope: Path
    keys: tuple[str, ...]


def sign(
    path: Path, key_files: Sequence[Path] = (), *, run_id: str | None = None, model: Path | None = None
) -> Signed:
    """Verify a record, and sign it with the keys of files, by default the one of ``$MLOPS_SIGNING_KEY``.

    Raises:
        ConfigError: no key is named, or one cannot be used.
        EvidenceError: as :func:`sign_file`.
        IoError: the envelope could not be written.
    """
    default = os.environ.get(KEY_VARIABLE)
    files = [*key_files] or ([Path(default)] if default else [])
    if not files:
        message = f"names no key; give --key FILE or set {KEY_VARIABLE}. `pytest-mlops keys new` makes one"
        refuse("sign", message)
    keys = [load_signing_key(each) for each in files]
    envelope = sign_file(path, keys, run_id=run_id, model=model)
    return Signed(envelope=envelope, keys=tuple(each.public.id for each in keys))


def sign_file(
    path: Path, keys: list[SigningKey], *, run_id: str | None = None, model: Path | None = None
) -> Path:
    """Verify the record at ``path``, sign it, and return where the envelope is.

    Args:
        path: The record.
        keys: The keys to sign with, at least one.
        run_id: The run that it has to be of.
        model: The model's files; by default where the record says they are.

    Raises:
        EvidenceError: a check of the record does not hold, or an untrusted pull request made it.
        IoError: the envelope could not be written.
    """
    # Read once, so that what was verified is what is signed.
    data = read_bytes(path, limit=MAX_RECORD_BYTES)
    record = parse_record(data, str(path))
    files = model if model is not None else locate_model(record, Path.cwd())
    verify_record(record, folder=path.parent, run_id=run_id, model=files)
    here = trust_from_event(os.environ, read_event(os.environ))
    if UNTRUSTED in {record.provenance.trust, here}:
        # Its own tests could have written the record's trust level, but not the event of the job.
        raise EvidenceError("the record is from an untrusted pull request, so it is not signed")
    write_attestations(path, record, data, keys)
    return envelope_path(path)


def read_key(path: Path) -> tuple[PublicKey, str]:
    """Return the public half of the key in a PEM file, and its kind: ``public`` or ``private``.

    Raises:
        ConfigError: the file holds neither.
    """
    try:
        return load_public_key(path), "public"
    except ConfigError:
        return load_signing_key(path).public, "private"
