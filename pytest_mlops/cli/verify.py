"""``verify``: a record held against its own evidence, its run and model, signatures and an environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pytest_mlops.cli.exits import exit_code_for_record
from pytest_mlops.cli.options import (
    ConfigPath,
    ModelFiles,
    Result,
    RunId,
)

__all__ = ["verify"]


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
        str | None, typer.Option(help="Verify the demands of this environment of mlops.yaml too.")
    ] = None,
    config: ConfigPath = None,
    model_signature: Annotated[
        Path | None, typer.Option(help="OpenSSF model-signing bundle that the model must match.")
    ] = None,
    model_key: Annotated[
        Path | None, typer.Option(help="Public key (P-256, P-384, P-521) of that bundle.")
    ] = None,
    cached: Annotated[
        bool, typer.Option("--cached", help="Read only those model files that changed since the last time.")
    ] = False,
) -> None:
    """Verify a record: its own evidence, its run, its model and its signatures.

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
