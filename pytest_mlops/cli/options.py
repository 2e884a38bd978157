"""What several commands take: arguments, options, and the project around them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pytest_mlops.operations.project import Project

__all__ = [
    "Alias",
    "AsJson",
    "ConfigPath",
    "Cursor",
    "EnvironmentName",
    "Limit",
    "Model",
    "ModelFiles",
    "Reason",
    "Result",
    "RunId",
    "Since",
    "Store",
    "Version",
    "in_utc",
    "project_here",
]

Result = Annotated[Path, typer.Argument(help="The record, such as .mlops/integration-result.json.")]
RunId = Annotated[str | None, typer.Option(help="Refuse a record of any other run.")]
ModelFiles = Annotated[
    Path | None, typer.Option(help="File or folder of the model. Default: the path in the record.")
]
EnvironmentName = Annotated[
    str | None,
    typer.Option(
        "--environment",
        "-e",
        help="Name of the environment in mlops.yaml. Default: the only one with serve:.",
    ),
]
ConfigPath = Annotated[
    Path | None, typer.Option("--config", help="Path of mlops.yaml. Default: the nearest one, upward.")
]
Store = Annotated[
    str | None,
    typer.Option("--store", help="URL of the store. Default: $MLOPS_STORE_URL, else .mlops/store.db."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Reason to write to the log.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Show at most this many.")]
Cursor = Annotated[
    int | None, typer.Option(min=0, max=2**63 - 1, help="Continue where the previous page ended.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Id of the model.")]
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="Id of a version, or @ALIAS for the one it points to.")
]
Alias = Annotated[str, typer.Argument(metavar="ALIAS", help="Name of the alias, such as champion.")]
Since = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only those of this day (UTC) or later.")
]


def in_utc(day: datetime | None) -> datetime | None:
    """Return the start of a day in UTC."""
    return None if day is None else day.replace(tzinfo=UTC)


def project_here(store: str | None, *, near: Path | None = None) -> Project:
    """Return the project around the current folder, or a record; print which one if it is elsewhere."""
    from pytest_mlops.operations.project import find_project

    project = find_project(near=near, store=store)
    if project.config is not None and project.folder != Path.cwd():
        typer.echo(f"The project is {project.folder}, where {project.config.name} is.", err=True)
    return project
