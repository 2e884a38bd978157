"""``report``: a record as Markdown, or as a self-contained HTML page."""

# The heavy imports stand inside the command, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads the annotations
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    result: Annotated[Path, typer.Argument(help="The record, as .mlops/integration-result.json.")],
    *,
    html: Annotated[
        Path | None, typer.Option(help="Write an HTML page that needs no network there.", metavar="PATH")
    ] = None,
    md: Annotated[Path | None, typer.Option(help="Write Markdown there.", metavar="PATH")] = None,
) -> None:
    """Show a record to people; as Markdown on standard output, unless --html or --md name files.

    Reads the record and the arrays beside it, and checks neither: that is what verify does. Exits with 0 once
    the reports are written, whatever the verdict.
    """
    from pytest_mlops.evidence.verify import read_record
    from pytest_mlops.report.markdown import to_markdown
    from pytest_mlops.report.write import write_report

    record = read_record(result)
    if html is not None:
        write_report(record, "html", html, result=result)
    if md is not None:
        write_report(record, "md", md, result=result)
    if html is None and md is None:
        typer.echo(to_markdown(record), nl=False)
