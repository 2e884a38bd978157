"""``validate`` and ``explain``: what a configuration gets wrong, and what it means."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pytest_mlops.cli.exits import ExitCode

__all__ = ["explain", "validate"]


def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILES", help="By default ./mlops.yaml.")
    ] = None,
) -> None:
    """Name every mistake in configuration files, each with its line.

    Exits with 0 if all are valid, else with 2.
    """
    from pytest_mlops.cli.validate import check_file

    checks = [check_file(path) for path in files or [_default_file()]]
    for check in checks:
        for line in check.lines():
            typer.echo(line)
    if not all(check.valid for check in checks):
        raise typer.Exit(ExitCode.USAGE)


def explain(
    file: Annotated[Path | None, typer.Argument(help="By default ./mlops.yaml.")] = None,
) -> None:
    """Say in words what a configuration means."""
    from pytest_mlops.cli.explain import explain_config
    from pytest_mlops.cli.tables import print_sections
    from pytest_mlops.config.load import load_config

    loaded = load_config(file or _default_file())
    print_sections(explain_config(loaded, today=datetime.now(tz=UTC).date()))


def _default_file() -> Path:
    from pytest_mlops.config.find import default_config

    return default_config(Path())
