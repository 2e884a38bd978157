"""``report``: a record as Markdown, or as a self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pytest_mlops.cli.options import Result, Store

__all__ = ["report"]


def report(
    result: Result,
    *,
    html: Annotated[
        Path | None, typer.Option(help="Write a self-contained HTML page to this path.", metavar="PATH")
    ] = None,
    md: Annotated[Path | None, typer.Option(help="Write Markdown to this path.", metavar="PATH")] = None,
    history: Annotated[
        bool,
        typer.Option("--history", help="Show the model's recorded runs in the HTML page."),
    ] = False,
    store: Store = None,
) -> None:
    """Render a record as a report; as Markdown on standard output, unless --html or --md name files.

    Reads the record and the arrays beside it, and verifies neither; `verify` does that. Exits with 0 once
    the reports are written, whatever the verdict.
    """
    from pytest_mlops.operations.report import report as write

    text = write(result, html=html, markdown=md, history=history, store=store)
    if text is not None:
        typer.echo(text, nl=False)
