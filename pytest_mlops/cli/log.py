"""``log``: the store's log, shown and verified."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pytest_mlops.cli.options import Store, project_here

__all__ = ["log"]

log = typer.Typer(help="Show the store's log, and verify that it is complete.", no_args_is_help=True)


def _printable(text: str) -> str:
    """Write what would move the cursor, start a line or turn the direction as JSON escapes it."""
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


@log.command()
def verify(
    *,
    head: Annotated[
        str | None, typer.Option(help="A head that was printed before and kept elsewhere.")
    ] = None,
    store: Store = None,
) -> None:
    """Recompute the chain of hashes from the first entry to the last.

    A changed, removed or inserted entry breaks the chain; a log that was truncated or rewritten is detected
    by a head that was kept elsewhere. Exits with 0 if the log holds, and with 5 if it does not.
    """
    from pytest_mlops.operations.log import verify_log

    report = verify_log(project_here(store), head=head)
    typer.echo(f"the log holds: {report.entries} entries, head {report.head}")


@log.command()
def show(
    *,
    kind: Annotated[str | None, typer.Option(help="Only entries of this kind, such as ticket.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="Only entries about this subject, such as credit-risk@7.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Only entries after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Show at most this many.")] = 100,
    body: Annotated[bool, typer.Option("--body", help="Print each entry's body as JSON.")] = False,
    store: Store = None,
) -> None:
    """Print entries of the log, oldest first: number, time, actor, kind, subject."""
    from pytest_mlops.operations.log import read_log

    for entry in read_log(project_here(store), kind=kind, subject=subject, after=after, limit=limit):
        who = f"{entry.actor}  {entry.kind}  {entry.subject}"
        typer.echo(f"{entry.seq}  {entry.at.isoformat()}  {_printable(who)}")
        if body:
            typer.echo(_printable(json.dumps(entry.body, sort_keys=True, ensure_ascii=False)))
