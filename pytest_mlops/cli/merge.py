"""``merge``: the records of a matrix become one, judged as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pytest_mlops.cli.exits import exit_code_for_record

__all__ = ["merge"]


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
    """Merge the records of a test matrix into one, and judge everything they measured again.

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
