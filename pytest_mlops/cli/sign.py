"""``sign`` and ``keys``: signing records, and the keys for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pytest_mlops.cli.options import ModelFiles, Result, RunId

__all__ = ["keys", "sign"]

keys = typer.Typer(help="Create signing keys, and show the key in a file.", no_args_is_help=True)


def sign(
    result: Result,
    *,
    key: Annotated[
        list[Path] | None, typer.Option(help="Private key; repeatable. Default: $MLOPS_SIGNING_KEY.")
    ] = None,
    run_id: RunId = None,
    model: ModelFiles = None,
) -> None:
    """Verify a record, and sign the in-toto statement about it in a DSSE envelope beside it.

    Signing apart from the tests keeps the key out of the process that runs them. Signatures of other keys
    over the same statement are kept. Exits with 0 once it is signed, whatever the verdict, and with 5 if the
    record cannot be trusted.
    """
    from pytest_mlops.operations.sign import sign as sign_record

    signed = sign_record(result, key or (), run_id=run_id, model=model)
    for each in signed.keys:
        typer.echo(f"signed by {each}")
    typer.echo(f"envelope: {signed.envelope}")


@keys.command()
def new(
    path: Annotated[
        Path, typer.Argument(help="Where to write the private key; the public key goes beside it, as .pub.")
    ] = Path("mlops.key"),
) -> None:
    """Create an Ed25519 key pair: a private key that only its owner can read, and a public key beside it.

    An existing file is never overwritten. List the public key under trusted_keys of the environments that
    accept its signatures; keep the private key out of every repository.
    """
    from pytest_mlops.evidence.keys import generate_key

    key, public = generate_key(path)
    typer.echo(f"private key: {path} (keep it out of the repository)")
    typer.echo(f"public key:  {public}")
    typer.echo(f"key id:      {key.public.id}")
    typer.echo(f"trust it with: trusted_keys: [{{name: {path.stem}, file: {public}}}]")


@keys.command()
def show(path: Annotated[Path, typer.Argument(help="PEM file with a private or a public key.")]) -> None:
    """Show the id and the public half of a key; never the private one."""
    from pytest_mlops.operations.sign import read_key

    public, kind = read_key(path)
    typer.echo(f"key id: {public.id} ({kind} key)")
    typer.echo(public.to_pem(), nl=False)
