"""Where a configuration lies: the names it may have, and the folders that are searched for it."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_mlops.errors import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CONFIG_NAMES",
    "config_in",
    "configs_above",
    "configs_below",
    "default_config",
    "find_config",
    "is_config",
    "nearest_config",
    "overlooked_configs",
]

CONFIG_NAMES = ("mlops.yaml", "mlops.yml")
"""The default first."""


def is_config(path: PurePosixPath | Path | str) -> bool:
    """Tell whether a path has the name of a configuration."""
    return PurePosixPath(path).name in CONFIG_NAMES


def find_config(start: Path, root: Path) -> Path | None:
    """Look for a configuration from ``start`` upward to ``root``, both included.

    Args:
        start: A folder, or a file that stands for its folder. Where it does not lie below ``root``, only
            its own folder and ``root`` are searched.
        root: The highest folder to search.

    Raises:
        ConfigError: one folder holds both names.
    """
    start, root = start.resolve(), root.resolve()
    folder = start.parent if start.is_file() else start
    if folder.is_relative_to(root):
        between = len(folder.relative_to(root).parts)
        folders = [folder, *folder.parents[:between]]
    else:
        folders = [folder, root]
    return next((found for found in map(config_in, folders) if found is not None), None)


def nearest_config(start: Path) -> Path | None:
    """Look for a configuration from ``start`` upward to the top of the file system.

    Raises:
        ConfigError: one folder holds both names.
    """
    return find_config(start, Path(start.resolve().anchor))


def config_in(folder: Path) -> Path | None:
    """Return the configuration in ``folder`` itself; ``None`` where there is none.

    Raises:
        ConfigError: it holds both names.
    """
    # A dangling link counts as there, so that reading it says what is wrong with it.
    present = [path for name in CONFIG_NAMES if (path := folder / name).exists() or path.is_symlink()]
    if len(present) > 1:
        refuse(str(folder), f"contains both {' and '.join(CONFIG_NAMES)}; keep one of the two")
    return present[0] if present else None


def default_config(folder: Path) -> Path:
    """Return the configuration in ``folder``, or the path that a new one would have.

    Raises:
        ConfigError: the folder holds both names.
    """
    return config_in(folder) or folder / CONFIG_NAMES[0]


def overlooked_configs(folders: Iterable[Path]) -> list[Path]:
    """Return what a search upward misses: configurations below, and files whose names are nearly right.

    Only files that lie in one of ``folders`` itself count for a name that is nearly right.
    """
    tops = list(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))
    below = [top for top in tops if not any(top != other and top.is_relative_to(other) for other in tops)]
    found = [path for top in tops for path in sorted(top.iterdir()) if _is_nearly(path)]
    for top in below:
        for folder, folders_below, files in os.walk(top):
            folders_below[:] = sorted(name for name in folders_below if not _is_passed_over(folder, name))
            found += [Path(folder, name) for name in CONFIG_NAMES if name in files]
    return list(dict.fromkeys(found))


def _is_nearly(path: Path) -> bool:
    name = path.name.lower()
    nearly = name.endswith((".yaml", ".yml")) and get_close_matches(name, CONFIG_NAMES, n=1, cutoff=0.8)
    return bool(nearly) and not is_config(path)


def _is_passed_over(folder: str, name: str) -> bool:
    """Return whether a folder is hidden, installed or built, and so holds no configuration of the project."""
    built = name in {"build", "dist", "node_modules", "site-packages", "__pycache__"} or name.endswith(".egg")
    return name.startswith(".") or built or Path(folder, name, "pyvenv.cfg").exists()


def configs_above(files: Iterable[str], folder: PurePosixPath) -> tuple[str, ...]:
    """Return what :func:`find_config` would find in a listing: that of the nearest folder at or above.

    Args:
        files: Paths of files, relative to the top.
        folder: Relative to the top, too.

    Returns:
        Both, where one folder holds both names.
    """
    known = frozenset(files)
    for each in (folder, *folder.parents):
        found = tuple(path for name in CONFIG_NAMES if (path := (each / name).as_posix()) in known)
        if found:
            return found
    return ()


def configs_below(files: Iterable[str], folder: PurePosixPath) -> tuple[str, ...]:
    """Return the configurations of a listing in ``folder`` and the folders below it, sorted."""
    return tuple(
        sorted(path for path in files if is_config(path) and PurePosixPath(path).is_relative_to(folder))
    )
