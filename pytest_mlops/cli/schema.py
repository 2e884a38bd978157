"""``schema``: print the JSON Schemas that come with the package."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pytest_mlops.config.schemas import shipped_schema

__all__ = ["SchemaChoice", "schema"]


class SchemaChoice(StrEnum):
    """The schemas there are."""

    CONFIG = "config"
    RESULT = "result"


def schema(
    which: Annotated[
        SchemaChoice,
        typer.Argument(help="config: of mlops.yaml, for editors; result: of integration-result.json."),
    ] = SchemaChoice.CONFIG,
) -> None:
    """Print a JSON Schema."""
    typer.echo(shipped_schema(which.value), nl=False)
