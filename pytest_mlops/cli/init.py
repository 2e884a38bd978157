"""``init``: write a first ``mlops.yaml``, or copy an example."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pytest_mlops.cli.examples import Example  # noqa: TC001 -- typer reads it
from pytest_mlops.cli.exits import ExitCode

if TYPE_CHECKING:
    from pytest_mlops.cli.scan import Found

__all__ = ["init", "place_examples", "write_starter"]

SIZE_ONLY = (
    "Until there is a model test, the check model_size measures the size of the model, so that there is a",
    "first verdict; of what the model answers it shows nothing, and a PASS by it alone cannot be deployed.",
)
NOTHING = ("Nothing can be measured yet: without a model test and a model file the verdict is INCOMPLETE.",)


def init(
    folder: Annotated[Path, typer.Argument(help="The folder of the model and its tests.")] = Path(),
    *,
    example: Annotated[
        Example | None, typer.Option(help="Copy a runnable example into the folder instead.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Write a first mlops.yaml for the tests that are there, each line explained.

    The tests are read and not run, the model is found and not opened. Exits with 2 if there is a
    configuration already.
    """
    if not folder.is_dir():
        _refuse(f"{folder} is not a folder; make it, or name another")
    lines = (
        write_starter(folder, force=force)
        if example is None
        else place_examples(example, folder, force=force)
    )
    for line in lines:
        typer.echo(line)


def write_starter(folder: Path, *, force: bool = False) -> list[str]:
    """Write ``mlops.yaml`` into ``folder`` and return what to tell.

    Raises:
        ConfigError: what the tests claim makes no valid configuration.
        IoError: the file could not be written.
        typer.Exit: there is a configuration already.
    """
    from pytest_mlops.cli.scan import scan
    from pytest_mlops.cli.starter import measures_size, starter_config
    from pytest_mlops.config.find import config_in, default_config
    from pytest_mlops.config.load import load_config
    from pytest_mlops.files import write_atomically

    path = default_config(folder)
    if config_in(folder) is not None and not force:
        _refuse(f"{path} exists already; --force replaces it")
    found = scan(folder)
    write_atomically(path, starter_config(found, folder_name=folder.resolve().name).encode())
    cells = len(load_config(path).config.policy().cells())
    return [
        *_findings(found, cells),
        *(SIZE_ONLY if measures_size(found) else () if found.marked else NOTHING),
        f"Wrote {path}. Judge the model with: pytest {_quoted(folder)}--mlops-gate",
    ]


def place_examples(example: Example, folder: Path, *, force: bool = False) -> list[str]:
    """Copy an example into ``folder`` and return what to tell.

    Raises:
        IoError: it could not be copied.
        typer.Exit: something of its name is there already.
    """
    from pytest_mlops.cli.examples import copy_examples, needed

    wanted = needed(example)
    there = [folder / name.value for name in wanted if (folder / name.value).exists()]
    if there and not force:
        _refuse(f"{there[0]} exists already; --force writes over it")
    copied = copy_examples(wanted, folder)
    return [
        *(f"Copied {path}" for path in copied),
        "It needs scikit-learn: pip install 'pytest-mlops[examples]'",
        f"Judge it with: pytest {copied[-1]} --mlops-gate",
    ]


def _findings(found: Found, cells: int) -> list[str]:
    lines = [f"Test functions: {found.tests}; model_test markers and ModelTest classes: {found.marked}."]
    if not found.marked:
        lines.append("The gate judges model tests only: mark one with @pytest.mark.model_test.")
    if found.computed:
        lines.append(f"Some compute what they cover ({found.computed}): declare those cells by hand.")
    elif cells:
        lines.append(f"Cells that they cover, declared as requirements: {cells}.")
    lines += [f"{name} cannot be read as Python and was passed over." for name in found.unreadable]
    lines.append(
        "No model file was found: name it under model: artifact:."
        if found.artifact is None
        else f"The model is taken to be {found.artifact}; correct it if it is another."
    )
    return lines


def _quoted(folder: Path) -> str:
    return "" if folder == Path() else f"{folder} "


def _refuse(sentence: str) -> NoReturn:
    typer.echo(f"pytest-mlops: {sentence}", err=True)
    raise typer.Exit(ExitCode.USAGE)
