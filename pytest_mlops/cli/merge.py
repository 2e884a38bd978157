"""``merge``: the records of a matrix become one, judged anew."""

# The heavy imports stand inside the command, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pytest_mlops.gate.merge import Expected, Shard

__all__ = ["merge", "read_expected", "read_shard"]

RECORD_NAME = "integration-result.json"


def read_expected(text: str) -> Expected:
    """Read a manifest: a number of shards, or their names with commas between them.

    Raises:
        ConfigError: it is neither.
    """
    from pytest_mlops.config.problems import refuse
    from pytest_mlops.gate.merge import Expected

    if text.strip().isdecimal():
        count = int(text)
        if count == 0:
            refuse("--expect", "got 0; expected how many shards there are")
        return Expected(count=count)
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) != len(names):
        refuse("--expect", f"got {text!r:.100}; expected a number, or different names with commas")
    return Expected(count=len(names), names=names)


def read_shard(path: Path) -> Shard | None:
    """Read and verify one record, or the one in a folder; ``None`` where there is none.

    Raises:
        EvidenceError: there is one that cannot be trusted.
    """
    from pytest_mlops.evidence.verify import read_record, verify_record
    from pytest_mlops.gate.merge import Shard

    file = path / RECORD_NAME if path.is_dir() else path
    if not file.exists():
        return None
    record = read_record(file)
    verify_record(record, folder=file.parent)
    return Shard(name=file.resolve().parent.name, record=record, folder=file.parent)


def merge(
    records: Annotated[
        list[Path],
        typer.Argument(metavar="RECORD...", help="Records, or folders with one, each named as its shard."),
    ],
    *,
    expect: Annotated[
        str,
        typer.Option(help="How many shards there are, or their names: 4, or unit,gpu.", metavar="N|NAMES"),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the merged record goes.", metavar="PATH")
    ] = Path(".mlops") / RECORD_NAME,
) -> None:
    """Join the records of a matrix into one, and judge anew all that they measured.

    A shard that is missing makes the result INCOMPLETE. Shards of different policies, models or commits, and
    a test that ran in two of them, are refused. Exits like verify.
    """
    from pytest_mlops.cli.verify import exit_code_for
    from pytest_mlops.files import write_atomically
    from pytest_mlops.gate.merge import copy_beside, merge_shards
    from pytest_mlops.records.codec import dump

    expected = read_expected(expect)
    shards = [shard for path in records if (shard := read_shard(path)) is not None]
    record = merge_shards(shards, expected)
    copy_beside(shards, output.parent)
    write_atomically(output, dump(record).encode())
    for reason in record.reasons:
        typer.echo(f"  {reason.verdict.upper()}: {reason.text}")
    typer.echo(f"{record.verdict.upper()}: {record.decision} ({record.context}), {len(shards)} shards")
    typer.echo(f"record: {output}")
    raise typer.Exit(exit_code_for(record))
