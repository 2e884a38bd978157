"""The files of a model artifact: their names, where they lie, and which paths are refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import ModelArtifactNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_ENTRIES", "artifact_files", "resolve_artifact", "unreadable"]

MAX_ENTRIES = 1_000_000
"""Files and folders of one artifact; links that multiply each other end here."""


def resolve_artifact(folder: Path, artifact: str) -> Path:
    """Return the path of an artifact that lies at or below ``folder``.

    Args:
        folder: The folder of ``mlops.yaml``.
        artifact: A relative path; its links may not lead out of the folder.

    Raises:
        ModelArtifactNotFound: absolute, with ``..``, leading out by a link, or not there.
    """
    relative = Path(artifact)
    if not artifact.strip() or relative.anchor or ".." in relative.parts:
        raise ModelArtifactNotFound(
            f"the model artifact is {artifact!r}; expected a relative path without '..'. "
            "Name a file or folder at or below the folder of mlops.yaml"
        )
    path = folder / relative
    base, target = _real(folder), _real(path)
    if not target.is_relative_to(base):
        raise ModelArtifactNotFound(
            f"the model artifact {artifact!r} points to {target}, outside {base}; "
            "keep the model's files at or below the folder of mlops.yaml"
        )
    return path


def artifact_files(path: Path) -> dict[str, Path]:
    """Return relative name -> real path of every file of an artifact, a file or a folder; links are followed.

    Raises:
        ModelArtifactNotFound: nothing there, no file in it, too many files, a link that leaves the folder or
            runs in a circle, or a name that is not UTF-8.
    """
    root = _real(path)
    if not root.is_dir():
        return {_checked_name(path.name): root}
    files = dict(_walk(root))
    if not files:
        raise ModelArtifactNotFound(
            f"the model artifact {path} contains no files; train or fetch the model first"
        )
    return files


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below ``root``, entering links to folders, without recursion."""
    seen = 0
    # A folder to list: its name in the artifact, its real path, and the real paths of the folders around it.
    pending: list[tuple[str, Path, frozenset[Path]]] = [("", root, frozenset({root}))]
    while pending:
        prefix, folder, around = pending.pop()
        for entry in _entries(folder):
            seen += 1
            if seen > MAX_ENTRIES:
                raise ModelArtifactNotFound(
                    f"the model artifact {root} has more than {MAX_ENTRIES:,} files and folders; "
                    "set model.artifact to the folder of the model"
                )
            name = _checked_name(f"{prefix}{entry.name}")
            real = _within(root, name, entry)
            if not _is_folder(entry):
                yield name, real
            elif real in around:
                raise ModelArtifactNotFound(
                    f"the link {name!r} of the model artifact points to a folder that contains it; remove it"
                )
            else:
                pending.append((f"{name}/", real, around | {real}))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise unreadable(folder, error) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise unreadable(Path(entry.path), error) from error


def _within(root: Path, name: str, entry: os.DirEntry[str]) -> Path:
    """Return the real path of an entry, which must lie in ``root``."""
    path = Path(entry.path)
    if not entry.is_symlink():
        return path
    real = _real(path)
    if not real.is_relative_to(root):
        raise ModelArtifactNotFound(
            f"the link {name!r} of the model artifact points to {real}, outside the artifact; "
            "put a copy of the file in its place"
        )
    return real


def _checked_name(name: str) -> str:
    """Return ``name``, which must be text: a digest over something else could not be checked elsewhere."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ModelArtifactNotFound(
            f"the file name {name!r} of the model artifact is not valid UTF-8; rename the file"
        ) from error
    return name


def _real(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelArtifactNotFound(
            f"the model artifact {path} does not exist; train or fetch the model, or correct model.artifact"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (RuntimeError, ValueError) as error:  # a circle of links before Python 3.13; a NUL in the name
        raise ModelArtifactNotFound(f"the model artifact {path} is not a valid path: {error}") from error


def unreadable(path: Path, error: OSError) -> ModelArtifactNotFound:
    """Return the error about a file that cannot be read."""
    reason = error.strerror or error
    return ModelArtifactNotFound(
        f"the model artifact's {path} cannot be read: {reason}; check its permissions"
    )
