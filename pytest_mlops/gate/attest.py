"""Attesting a run: the key is settled before anything runs, the statement follows the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.config.guard import refuse
from pytest_mlops.evidence.attest import remove_attestations, write_attestations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_mlops.evidence.keys import SigningKey
    from pytest_mlops.gate.run import GateRun
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["KEY_VARIABLE", "attest", "forget_attestations", "settle_key"]

KEY_VARIABLE = "MLOPS_SIGNING_KEY"


def forget_attestations(runs: Iterable[GateRun], bare: GateRun) -> None:
    """Take away what earlier runs attested, so that none of it can be taken for these runs' own.

    Raises:
        IoError: a file could not be removed.
    """
    for path in {bare.path, *(run.path for run in runs)}:
        remove_attestations(path)


def settle_key(option: str | None, environ: Mapping[str, str], run: GateRun) -> SigningKey | None:
    """Return the key to sign with; ``None`` where none is asked for.

    Args:
        option: What ``--mlops-sign-key`` names, relative to the folder the run was started in.
        environ: Environment variables.
        run: The run, as far as it is known.

    Raises:
        ConfigError: the key cannot be used, or the run is of an untrusted pull request.
    """
    named = option or environ.get(KEY_VARIABLE)
    if not named:
        return None
    source = "--mlops-sign-key" if option else KEY_VARIABLE
    if run.provenance.trust == "untrusted-pr":
        refuse(source, "the code of an untrusted pull request could read the key; leave it out")
    from pytest_mlops.evidence.keys import load_signing_key  # noqa: PLC0415 -- where there is a key only

    return load_signing_key(run.folder / named)


def attest(path: Path, record: IntegrationResult, data: bytes, key: SigningKey | None) -> None:
    """Write the statement about a record that has just been written, signed where there is a key.

    Raises:
        IoError: a file could not be written; the record stands.
    """
    write_attestations(path, record, data, () if key is None else (key,))
