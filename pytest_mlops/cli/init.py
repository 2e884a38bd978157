"""``init``: write a first ``mlops.yaml``, or copy an example."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.operations.examples import Example

if TYPE_CHECKING:
    from pytest_mlops.operations.init import CopiedExample, Starter

__all__ = ["init"]

SIZE_ONLY = (
    "Until there is a model test, the check model_size measures the size of the model, so that there is a",
    "first verdict; it says nothing about the answers of the model; a PASS by it alone cannot be deployed.",
)
NOTHING = ("Nothing can be measured yet: without a model test and a model file the verdict is INCOMPLETE.",)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the model and its tests.")] = Path(),
    *,
    example: Annotated[
        Example | None, typer.Option(help="Copy a runnable example into the folder instead.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> None:
    """Write a first mlops.yaml for the tests of a folder, with a comment on every line.

    The tests are read and not run, the model is found and not opened. Exits with 2 if there is a
    configuration already.
    """
    from pytest_mlops.operations.init import copy_example, write_starter

    lines = (
        _starter_lines(folder, write_starter(folder, force=force))
        if example is None
        else _example_lines(copy_example(example, folder, force=force))
    )
    for line in lines:
        typer.echo(line)


def _starter_lines(folder: Path, starter: Starter) -> list[str]:
    found = starter.found
    lines = [f"Test functions: {found.tests}; model_test markers and ModelTest classes: {found.marked}."]
    if not found.marked:
        lines.append("The gate judges model tests only: mark one with @pytest.mark.model_test.")
    if found.computed:
        lines.append(f"Some compute what they cover ({found.computed}): declare those cells by hand.")
    elif starter.cells:
        lines.append(f"Cells that they cover, declared as requirements: {starter.cells}.")
    lines += [f"{name} cannot be read as Python and was skipped." for name in found.unreadable]
    lines.append(
        "No model file was found: name it under model: artifact:."
        if found.artifact is None
        else f"The model is assumed to be {found.artifact}; correct it if it is another."
    )
    lines += SIZE_ONLY if starter.measures_size else () if found.marked else NOTHING
    named = "" if folder == Path() else f"{folder} "
    return [*lines, f"Wrote {starter.path}. Judge the model with: pytest {named}--mlops-gate"]


def _example_lines(copied: CopiedExample) -> list[str]:
    return [
        *(f"Copied {path}" for path in copied.folders),
        "It needs scikit-learn: pip install 'pytest-mlops[examples]'",
        f"Judge it with: pytest {copied.folders[-1]} --mlops-gate",
    ]
