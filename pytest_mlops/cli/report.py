"""``report``: a record as Markdown, or as a self-contained HTML page."""

# The heavy imports stand inside the command, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pytest_mlops.cli.registry_common import Store  # noqa: TC001 -- typer reads the annotations
from pytest_mlops.errors import ConfigError, Problem

__all__ = ["report"]


def report(
    result: Annotated[Path, typer.Argument(help="The record, as .mlops/integration-result.json.")],
    *,
    html: Annotated[
        Path | None, typer.Option(help="Write an HTML page that needs no network there.", metavar="PATH")
    ] = None,
    md: Annotated[Path | None, typer.Option(help="Write Markdown there.", metavar="PATH")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show in the HTML page how the model's recorded runs went.")
    ] = False,
    store: Store = None,
) -> None:
    """Show a record to people; as Markdown on standard output, unless --html or --md name files.

    Reads the record and the arrays beside it, and checks neither: that is what verify does. Exits with 0 once
    the reports are written, whatever the verdict.
    """
    from pytest_mlops.evidence.verify import read_record
    from pytest_mlops.report.markdown import to_markdown
    from pytest_mlops.report.trends import read_history
    from pytest_mlops.report.write import write_report

    if history and html is None:
        text = "is for the HTML page; say with --html where that goes, or leave it out"
        raise ConfigError("--history", [Problem(path="", message=text)])
    record = read_record(result)
    if html is not None:
        runs = read_history(record, Path(), url=store) if history else None
        write_report(record, "html", html, result=result, history=runs)
    if md is not None:
        write_report(record, "md", md, result=result)
    if html is None and md is None:
        typer.echo(to_markdown(record), nl=False)
