"""Several configurations in one run: each gates the tests below its folder, with a record of its own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.config.guard import refuse
from pytest_mlops.errors import IoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.gate.run import GateRun

__all__ = ["runs_of_several"]

OPTION = "--mlops-config"


def runs_of_several(bare: GateRun, named: Sequence[str], *, write: bool) -> list[GateRun]:
    """Return a run for each configuration, known before any of them is read.

    The record of ``models/a/mlops.yaml`` goes to ``models/a/`` below the folder that ``--mlops-result``
    names a file in: so it can be made INCOMPLETE before the configuration is read, which may be broken.

    Args:
        bare: The run as far as it is known without a configuration.
        named: What ``--mlops-config`` names, at least two files.
        write: Whether to take away the record of an earlier run with a single configuration.

    Raises:
        ConfigError: two of them lie in one folder.
        IoError: the earlier record cannot be taken away.
    """
    runs: dict[Path, GateRun] = {}
    for name in named:
        config = (bare.folder / name).resolve()
        folder = config.parent
        if folder in runs:
            refuse(OPTION, f"{name}: its folder has another configuration in this run; give each its own")
        path = bare.path.parent / _below(folder, bare.folder) / bare.path.name
        runs[folder] = replace(bare, path=path, named=config, gates=folder)
    if write and all(run.path != bare.path for run in runs.values()):
        _remove(bare.path)
    return list(runs.values())


def _below(folder: Path, start: Path) -> Path:
    """Return the folder seen from where the run was started, its steps upward turned into names."""
    parts = Path(os.path.relpath(folder, start.resolve())).parts
    return Path(*("up" if part == ".." else part for part in parts))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise IoError(f"cannot remove the old record {path}: {error.strerror or error}") from error
