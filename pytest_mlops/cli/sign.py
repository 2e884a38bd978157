"""``sign``: verify a record and sign what it says."""

# The heavy imports stand inside the command, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.errors import ConfigError, EvidenceError, Problem

if TYPE_CHECKING:
    from pytest_mlops.evidence.keys import SigningKey

__all__ = ["sign", "sign_file"]

KEY_VARIABLE = "MLOPS_SIGNING_KEY"


def sign_file(path: Path, keys: list[SigningKey], *, run_id: str | None, model: Path | None) -> Path:
    """Verify the record at ``path``, sign it, and return where the envelope is.

    Args:
        path: The record.
        keys: The keys to sign with, at least one.
        run_id: The run it has to be of.
        model: The model's files; by default where the record says they are.

    Raises:
        EvidenceError: the record does not stand up, or was made by an untrusted pull request.
        IoError: the envelope could not be written.
    """
    from pytest_mlops.ci.context import trust_from_event
    from pytest_mlops.ci.event import read_event
    from pytest_mlops.cli.verify import locate_model
    from pytest_mlops.evidence.attest import write_attestations
    from pytest_mlops.evidence.statement import envelope_path
    from pytest_mlops.evidence.verify import parse_record, verify_record
    from pytest_mlops.files import read_bytes
    from pytest_mlops.records.codec import MAX_RECORD_BYTES

    # Read once, so that what was verified is what is signed.
    data = read_bytes(path, limit=MAX_RECORD_BYTES)
    record = parse_record(data, str(path))
    files = model if model is not None else locate_model(record, Path.cwd())
    verify_record(record, folder=path.parent, run_id=run_id, model=files)
    here = trust_from_event(os.environ, read_event(os.environ))
    if "untrusted-pr" in {record.provenance.trust, here}:
        # What the record says of itself its own tests could have written; the job's event they could not.
        raise EvidenceError("the record was made by a pull request from outside; it is not signed")
    write_attestations(path, record, data, keys)
    return envelope_path(path)


def sign(
    result: Annotated[Path, typer.Argument(help="The record, as .mlops/integration-result.json.")],
    *,
    key: Annotated[
        list[Path] | None,
        typer.Option(help=f"Private key; may be repeated. By default ${KEY_VARIABLE}."),
    ] = None,
    run_id: Annotated[str | None, typer.Option(help="Id of the run it has to be of.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="The model's files; by default where the record says they are.")
    ] = None,
) -> None:
    """Verify a record, and sign the in-toto statement about it in a DSSE envelope beside it.

    Signing apart from the tests keeps the key out of the process that runs them. Signatures of other keys
    over the same statement are kept. Exits with 0 once it is signed, whatever the verdict, and with 5 if the
    record cannot be trusted.
    """
    from pytest_mlops.evidence.keys import load_signing_key

    paths = key or ([Path(os.environ[KEY_VARIABLE])] if os.environ.get(KEY_VARIABLE) else [])
    if not paths:
        message = f"names no key; give --key FILE or set {KEY_VARIABLE}. `pytest-mlops keys new` makes one"
        raise ConfigError("sign", [Problem(path="", message=message)])
    keys = [load_signing_key(path) for path in paths]
    envelope = sign_file(result, keys, run_id=run_id, model=model)
    for each in keys:
        typer.echo(f"signed by {each.public.id}")
    typer.echo(f"envelope: {envelope}")
