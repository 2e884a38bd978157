"""Bounded reads and atomic writes of files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, IoError, MLOpsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OsErrorsAs", "copy_by_digest", "is_replaceable", "read_bytes", "sync_folder", "write_atomically"]


class OsErrorsAs:
    """Turns an OSError of the block it manages into an error of ours.

    Args:
        kind: What is raised.
        failed: What could not be done, as ``cannot write PATH``; the reason is added.
    """

    def __init__(self, kind: type[MLOpsError], failed: str) -> None:
        self._kind = kind
        self._failed = failed

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise self._kind(f"{self._failed}: {error.strerror or error}") from error


def read_bytes(path: Path, *, limit: int) -> bytes:
    """Read a file of at most ``limit`` bytes.

    Raises:
        EvidenceError: the file is missing, too large, not a regular file, or cannot be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe could block forever
            raise EvidenceError(f"cannot read {path}: it is not a regular file")
        if status.st_size > limit:
            raise EvidenceError(
                f"cannot read {path}: it has {status.st_size:,} bytes, the limit is {limit:,}"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise EvidenceError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


_CHUNK = 1024 * 1024


def is_replaceable(path: Path) -> bool:
    """Return whether a file may be put at ``path``: it holds a regular file, or nothing.

    Devices, pipes and sockets are not replaced, whatever the rights of the process: a rename onto
    ``/dev/null`` would replace the device.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:  # nothing there, or nothing that can be seen; writing reports it
        return True


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` atomically: on any failure the previous content stays.

    Raises:
        IoError: the file was not written; the message has the reason.
    """
    if not is_replaceable(path):
        raise IoError(f"cannot write {path}: it is not a regular file; name a file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise IoError(f"cannot write {path}: {error.strerror or error}") from error


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that a rename in it is durable; no effect on Windows."""
    if os.name == "nt":  # pragma: no cover -- Windows cannot open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_by_digest(source: Path, folder: Path) -> tuple[str, int]:
    """Copy ``source`` to ``folder/<SHA-256>``; return the digest and the size in bytes.

    Raises:
        IoError: the file could not be read or the copy not written; no partial copy remains.
    """
    temporary = folder / f".keep.{os.getpid()}.{threading.get_ident()}.tmp"
    digest, size = hashlib.sha256(), 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, temporary.open("wb") as writing:
            while chunk := reading.read(_CHUNK):
                digest.update(chunk)
                writing.write(chunk)
                size += len(chunk)
        temporary.replace(folder / digest.hexdigest())
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise IoError(f"cannot copy {source} to {folder}: {error.strerror or error}") from error
    return digest.hexdigest(), size
