"""Copies of files that tests keep beside the record, named by their digest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from typing import TYPE_CHECKING

from pytest_mlops.errors import IoError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["keep"]

CHUNK = 1024 * 1024


def keep(source: Path, folder: Path) -> tuple[str, int]:
    """Copy ``source`` to ``folder/<SHA-256>`` unless it is there, and return its digest and size in bytes.

    Raises:
        IoError: the file could not be read, or the copy not written; nothing half-written stays.
    """
    temporary = folder / f".keep.{os.getpid()}.{threading.get_ident()}.tmp"
    digest, size = hashlib.sha256(), 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, temporary.open("wb") as writing:
            while chunk := reading.read(CHUNK):
                digest.update(chunk)
                writing.write(chunk)
                size += len(chunk)
        temporary.replace(folder / digest.hexdigest())
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise IoError(f"cannot keep {source} in {folder}: {error.strerror or error}") from error
    return digest.hexdigest(), size
