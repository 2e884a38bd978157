"""``verify``, ``sign``, ``keys`` and ``merge``: records as evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pytest_mlops.cli.exits import exit_code_for_record
from pytest_mlops.cli.options import ConfigPath, ModelFiles, Result, RunId
from pytest_mlops.verdict import Context

__all__ = ["keys", "merge", "sign", "verify"]

keys = typer.Typer(help="Create signing keys, and show the key in a file.", no_args_is_help=True)


def verify(
    result: Result,
    *,
    run_id: RunId = None,
    model: ModelFiles = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(help="Public key that must have signed the record; where repeated, any of them."),
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="Also verify the requirements of this environment of mlops.yaml.")
    ] = None,
    config: ConfigPath = None,
    model_signature: Annotated[
        Path | None, typer.Option(help="OpenSSF model-signing bundle that the model must match.")
    ] = None,
    model_key: Annotated[
        Path | None, typer.Option(help="Public key (P-256, P-384, P-521) of that bundle.")
    ] = None,
    context: Annotated[
        Context | None,
        typer.Option(help="Where the verdict is needed, if stricter than the record and the CI event say."),
    ] = None,
    cached: Annotated[
        bool, typer.Option("--cached", help="Read only those model files that changed since the last time.")
    ] = False,
) -> None:
    """Verify a record: its results, its run, its model and its signatures.

    Checks the schema, derives the verdict again from the recorded results, and compares run id, model digest
    and the attestations beside it; with --key its signature, with --environment everything that a deployment
    there would check. Exits with 0 if the verified record allows, 1 on FAIL, 3 on UNDECIDED, 4 on INCOMPLETE,
    and 5 if the record cannot be trusted or is refused.
    """
    from pytest_mlops.operations import verify as operations

    verified = operations.verify(
        result,
        run_id=run_id,
        model=model,
        cached=cached,
        keys=key or (),
        model_signature=model_signature,
        model_key=model_key,
        context=context,
    )
    for check in verified.checks:
        typer.echo(f"  ok    {check}")
    for note in verified.notes:
        typer.echo(f"  note  {note}")
    if environment is not None:
        for check in operations.verify_for_environment(result, environment, config=config, model=model):
            typer.echo(f"  ok    {environment}: {check}")
    record = verified.record
    for reason in record.reasons:
        typer.echo(f"  {reason.verdict.upper()}: {reason.text}")
    typer.echo(f"{record.verdict.upper()}: {record.decision} ({record.context}), run {record.run_id}")
    raise typer.Exit(exit_code_for_record(record))


def sign(
    result: Result,
    *,
    key: Annotated[
        list[Path] | None, typer.Option(help="Private key; repeatable. Default: $MLOPS_SIGNING_KEY.")
    ] = None,
    run_id: RunId = None,
    model: ModelFiles = None,
) -> None:
    """Verify a record and sign it: an in-toto statement in a DSSE envelope beside it.

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


def merge(
    records: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORD...", help="Records, or folders with one; a shard's name is that of its folder."
        ),
    ],
    *,
    expect: Annotated[
        str,
        typer.Option(help="Number of shards, or their names: 4, or unit,gpu.", metavar="N|NAMES"),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where to write the merged record.", metavar="PATH")
    ] = Path(".mlops/integration-result.json"),
) -> None:
    """Merge the records of a test matrix into one record, and judge it as a whole.

    A missing shard makes the result INCOMPLETE. Shards of different policies, models or commits, and a test
    that ran in two of them, are refused. Exits like verify.
    """
    from pytest_mlops.operations.merge import merge as merge_records

    merged = merge_records(records, expect, output=output)
    record = merged.record
    for reason in record.reasons:
        typer.echo(f"  {reason.verdict.upper()}: {reason.text}")
    typer.echo(f"{record.verdict.upper()}: {record.decision} ({record.context}), {merged.shards} shards")
    typer.echo(f"record: {output}")
    raise typer.Exit(exit_code_for_record(record))
