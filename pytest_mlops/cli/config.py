"""``validate``, ``explain`` and ``schema``: the mistakes of a configuration, its meaning, its format."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pytest_mlops.cli.exits import ExitCode

__all__ = ["SchemaChoice", "explain", "schema", "validate"]


class SchemaChoice(StrEnum):
    """The schemas there are."""

    CONFIG = "config"
    RESULT = "result"


def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILES", help="Configuration files. Default: ./mlops.yaml.", show_default=False
        ),
    ] = None,
) -> None:
    """Validate configuration files: list every mistake with its line.

    Exits with 0 if all are valid, else with 2.
    """
    from pytest_mlops.operations.validate import validate as check_files

    checks = check_files(files or ())
    for check in checks:
        for line in check.lines():
            typer.echo(line)
    if not all(check.valid for check in checks):
        raise typer.Exit(ExitCode.USAGE)


def explain(
    file: Annotated[
        Path | None, typer.Argument(help="A configuration file. Default: ./mlops.yaml.", show_default=False)
    ] = None,
) -> None:
    """Explain in plain text what a configuration demands, and where each value comes from."""
    from pytest_mlops.cli.explain import explain_config
    from pytest_mlops.cli.output import print_sections
    from pytest_mlops.operations.validate import read_config

    print_sections(explain_config(read_config(file), today=datetime.now(tz=UTC).date()))


def schema(
    which: Annotated[
        SchemaChoice,
        typer.Argument(help="config: of mlops.yaml, for editors; result: of integration-result.json."),
    ] = SchemaChoice.CONFIG,
) -> None:
    """Print a JSON Schema."""
    from pytest_mlops.config.schemas import shipped_schema

    typer.echo(shipped_schema(which.value), nl=False)
