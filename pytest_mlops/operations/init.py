"""Starting a project: a first configuration for the tests of a folder, or a copy of an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.config.find import config_in, default_config
from pytest_mlops.config.load import load_config
from pytest_mlops.errors import refuse
from pytest_mlops.files import write_atomically
from pytest_mlops.operations.examples import copy_examples, needed
from pytest_mlops.operations.scan import scan
from pytest_mlops.operations.starter import measures_size, starter_config

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.operations.examples import Example
    from pytest_mlops.operations.scan import Found

__all__ = ["CopiedExample", "Starter", "copy_example", "write_starter"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Starter:
    """A first configuration that was written.

    Attributes:
        path: The file.
        found: What the folder holds.
        cells: Cells that are declared.
        measures_size: Whether a check of the model's size is the only measurement.
    """

    path: Path
    found: Found
    cells: int
    measures_size: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CopiedExample:
    """An example that was copied.

    Attributes:
        folders: Where it and the examples that it needs lie, itself last.
    """

    folders: tuple[Path, ...]


def write_starter(folder: Path, *, force: bool = False) -> Starter:
    """Write a configuration into ``folder`` that demands no more than the tests there claim to show.

    Raises:
        ConfigError: there is no such folder or a configuration already, or what the tests claim makes no
            valid one.
        IoError: the file could not be written.
    """
    _require_folder(folder)
    path = default_config(folder)
    if config_in(folder) is not None and not force:
        refuse(str(path), "already exists; --force replaces it")
    found = scan(folder)
    write_atomically(path, starter_config(found, folder_name=folder.resolve().name).encode())
    cells = len(load_config(path).config.policy().cells())
    return Starter(path=path, found=found, cells=cells, measures_size=measures_size(found))


def copy_example(example: Example, folder: Path, *, force: bool = False) -> CopiedExample:
    """Copy an example, and those that it needs, into ``folder``.

    Raises:
        ConfigError: there is no such folder, or something of an example's name is there already.
        IoError: it could not be copied.
    """
    _require_folder(folder)
    examples = needed(example)
    there = [folder / name.value for name in examples if (folder / name.value).exists()]
    if there and not force:
        refuse(str(there[0]), "already exists; --force overwrites it")
    return CopiedExample(folders=tuple(copy_examples(examples, folder)))


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        refuse(str(folder), "is not a folder; create it, or choose another")
