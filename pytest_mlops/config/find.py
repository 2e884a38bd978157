"""Where a configuration lies: the names it may have, and the folders that are searched for it."""

from __future__ import annotations

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
        refuse(str(folder), f"holds both {' and '.join(CONFIG_NAMES)}; keep one of the two")
    return present[0] if present else None


def default_config(folder: Path) -> Path:
    """Return the configuration in ``folder``, or the path that a new one would have.

    Raises:
        ConfigError: the folder holds both names.
    """
    return config_in(folder) or folder / CONFIG_NAMES[0]


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
