"""``log``: show the store's log, and verify that nothing in it was changed."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.errors import ConfigError, Problem, StoreError

if TYPE_CHECKING:
    from pytest_mlops.store.engine import Store

__all__ = ["log"]

log = typer.Typer(help="Show the store's log, and verify that it is whole.", no_args_is_help=True)

StoreUrl = Annotated[
    str | None,
    typer.Option("--store", help="URL of the store; by default $MLOPS_STORE_URL, else .mlops/store.db."),
]


_HASH = re.compile(r"[0-9a-f]{64}")


def _printable(text: str) -> str:
    """Write what would move the cursor, start a line or turn the direction as JSON escapes it."""
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def _open(url: str | None) -> Store:
    from pytest_mlops.store.engine import open_store, store_exists

    if not store_exists(url, folder=Path()):
        raise StoreError("there is no store here, so there is no log; name one with --store")
    return open_store(url, folder=Path())


@log.command()
def verify(
    *,
    head: Annotated[
        str | None, typer.Option(help="A hash that the log had as its head once, kept elsewhere.")
    ] = None,
    store: StoreUrl = None,
) -> None:
    """Recompute the chain of hashes from the first entry to the last.

    A changed, removed or inserted entry breaks the chain; a log that was cut off or made anew is told by a
    head that was kept elsewhere. Exits with 0 if the log holds, and with 5 if it does not.
    """
    from pytest_mlops.store.log import verify_log

    if head is not None and _HASH.fullmatch(head) is None:
        message = f"got {head!r:.80}; expected a whole head as `log verify` prints it, 64 digits of 0-9a-f"
        raise ConfigError("--head", [Problem(path="", message=message)])
    with _open(store) as opened, opened.read() as connection:
        report = verify_log(connection, head=head)
    typer.echo(f"the log holds: {report.entries} entries, head {report.head}")


@log.command()
def show(
    *,
    kind: Annotated[str | None, typer.Option(help="Only entries of this kind, as ticket.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only entries about this, as credit-risk@7.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only entries after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 100,
    body: Annotated[bool, typer.Option("--body", help="Print each entry's body as JSON.")] = False,
    store: StoreUrl = None,
) -> None:
    """Print entries of the log, oldest first: number, time, who, kind, subject."""
    from pytest_mlops.store.log import read_log

    with _open(store) as opened, opened.read() as connection:
        entries = read_log(connection, kind=kind, subject=subject, after=after, limit=limit)
    for entry in entries:
        who = f"{entry.actor}  {entry.kind}  {entry.subject}"
        typer.echo(f"{entry.seq}  {entry.at.isoformat()}  {_printable(who)}")
        if body:
            typer.echo(_printable(json.dumps(entry.body, sort_keys=True, ensure_ascii=False)))
