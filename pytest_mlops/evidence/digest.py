r"""The digest of a model artifact: one SHA-256 over the names and bytes of all its files.

The digest is the SHA-256 of ``pytest-mlops artifact 1\n`` followed by one entry per file, sorted by name::

    8 bytes    length of the name, big-endian
    name       path relative to the artifact's folder, "/" between its parts, UTF-8
    8 bytes    size of the file, big-endian
    32 bytes   SHA-256 of the file

Every field has a known length, so two different artifacts never make the same input. A single file counts as
a folder that holds it alone. Every file counts, hidden ones too; folders without files do not.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_mlops.errors import IoError, ModelArtifactNotFound
from pytest_mlops.evidence.artifact import artifact_files, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import BinaryIO

__all__ = [
    "ArtifactDigest",
    "Stamp",
    "changed_since",
    "combine_digests",
    "copy_artifact",
    "digest_artifact",
]

_DOMAIN = b"pytest-mlops artifact 1\n"
_CHUNK = 1024 * 1024
_PARALLEL_FROM = 64 * 1024 * 1024
_MOST_THREADS = 8
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """What the file system states about a file; while it stays equal, the bytes are taken to be the same.

    Attributes:
        size: Bytes.
        mtime_ns: Time of the last write, nanoseconds since the epoch.
        ctime_ns: Time of the last change of the file's entry, which a program cannot set back.
        inode: Number of the file within its file system.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactDigest:
    """The digest of an artifact, with what it takes to notice a change cheaply.

    Attributes:
        digest: SHA-256 as 64 hex digits.
        files: Number of files.
        size: Bytes of all files together.
        stamps: Relative name -> stamp of the file when it was read.
        digests: Relative name -> SHA-256 of the file's bytes, as hex.
    """

    digest: str
    files: int
    size: int
    stamps: Mapping[str, Stamp] = field(repr=False)
    digests: Mapping[str, str] = field(repr=False)


def digest_artifact(path: Path, *, known: Mapping[str, tuple[Stamp, str]] | None = None) -> ArtifactDigest:
    """Read every file of the artifact at ``path``, a file or a folder, and return its digest.

    A link is read as what it points to.

    Args:
        path: The file or folder.
        known: Relative name -> stamp and SHA-256 of an earlier reading, for files whose stamp is still the
            same: those are not read again.

    Raises:
        ModelArtifactNotFound: nothing there, no file in it, a link that leaves the folder or runs in a
            circle, a name that is not UTF-8, a device, pipe or socket, or a file that cannot be read or that
            was written to meanwhile.
    """
    stamps: dict[str, Stamp] = {}
    digests: dict[str, str] = {}
    unread: list[tuple[str, Path]] = []
    for name, real in sorted(artifact_files(path).items(), key=lambda item: item[0].encode()):
        stamp, digest = (known or {}).get(name, (None, ""))
        if stamp is not None and stamp == _stamp(name, real):
            stamps[name], digests[name] = stamp, digest
        else:
            unread.append((name, real))
    for (name, _), (stamp, digest) in zip(unread, _for_each(_read, unread), strict=True):
        stamps[name], digests[name] = stamp, digest
    return _artifact_digest(stamps, digests)


def copy_artifact(source: Path, target: Path) -> ArtifactDigest:
    """Copy the artifact at ``source``, durably; return the digest of the very bytes that were copied.

    Each file is read once. A link becomes a copy of what it points to.

    Args:
        source: A file or folder.
        target: The file or folder to make; no file of it may be there.

    Raises:
        ModelArtifactNotFound: as :func:`digest_artifact`.
        IoError: the copy could not be written; a part of it may be there.
    """
    files = sorted(artifact_files(source).items(), key=lambda item: item[0].encode())
    readings = _for_each(partial(_copy, target, inside=source.is_dir()), files)
    named = {name: reading for (name, _), reading in zip(files, readings, strict=True)}
    return _artifact_digest(
        {name: stamp for name, (stamp, _) in named.items()},
        {name: digest for name, (_, digest) in named.items()},
    )


def _artifact_digest(stamps: Mapping[str, Stamp], digests: Mapping[str, str]) -> ArtifactDigest:
    return ArtifactDigest(
        digest=combine_digests({name: (stamp.size, digests[name]) for name, stamp in stamps.items()}),
        files=len(stamps),
        size=sum(stamp.size for stamp in stamps.values()),
        stamps=MappingProxyType(stamps),
        digests=MappingProxyType(digests),
    )


def combine_digests(files: Mapping[str, tuple[int, str]]) -> str:
    """Return the digest of an artifact whose files are known.

    Args:
        files: Relative name -> (size in bytes, SHA-256 of the file's bytes as hex).
    """
    total = hashlib.sha256(_DOMAIN)
    for name, (size, digest) in sorted(files.items(), key=lambda item: item[0].encode()):
        encoded = name.encode()
        total.update(len(encoded).to_bytes(8, "big") + encoded + size.to_bytes(8, "big"))
        total.update(bytes.fromhex(digest))
    return total.hexdigest()


def changed_since(path: Path, before: ArtifactDigest) -> str | None:
    """Say how the artifact at ``path`` differs from ``before``; ``None`` where it does not.

    Only files whose stamp changed are read again, so asking costs little however large the model is.
    """
    try:
        files = artifact_files(path)
        for name in sorted(files.keys() | before.digests.keys()):
            if name not in before.digests:
                return f"the model artifact gained the file {name!r} while its tests ran"
            if name not in files:
                return f"the model artifact lost the file {name!r} while its tests ran"
            if _stamp(name, files[name]) == before.stamps[name]:
                continue
            if _read(name, files[name])[1] != before.digests[name]:
                return f"the model artifact's file {name!r} changed while its tests ran"
    except ModelArtifactNotFound as error:
        return f"the model artifact cannot be read any more: {error}"
    return None


def _stamp(name: str, path: Path) -> Stamp:
    try:
        return _stamp_of(name, path.stat())
    except OSError as error:
        raise unreadable(path, error) from error


def _stamp_of(name: str, status: os.stat_result) -> Stamp:
    if not stat.S_ISREG(status.st_mode):
        raise ModelArtifactNotFound(
            f"{name!r} of the model artifact is a device, pipe or socket; expected ordinary files and folders"
        )
    return Stamp(
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        inode=status.st_ino,
    )


def _for_each(
    read: Callable[[str, Path], tuple[Stamp, str]], files: Sequence[tuple[str, Path]]
) -> list[tuple[Stamp, str]]:
    """Return the stamp and the SHA-256 of each file, in order; large artifacts are read on several cores."""
    if len(files) < 2 or sum(_stamp(name, path).size for name, path in files) < _PARALLEL_FROM:
        return [read(name, path) for name, path in files]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- small models do without

    # hashlib releases the interpreter lock while it works.
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        return list(pool.map(read, *zip(*files, strict=True)))


def _copy(target: Path, name: str, path: Path, *, inside: bool) -> tuple[Stamp, str]:
    """Copy one file, to its name inside ``target`` or to ``target`` itself, and return what was read."""
    to = target / name if inside else target
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("xb") as copy:
            reading = _read(name, path, copy)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copymode(path, to)
    except OSError as error:
        raise _unwritable(to, error) from error
    return reading


def _read(name: str, path: Path, copy: BinaryIO | None = None) -> tuple[Stamp, str]:
    """Return the stamp and the SHA-256 of one file, read once in pieces of 1 MiB that also go to ``copy``."""
    size = _stamp(name, path).size  # a pipe or device is refused before it is opened, which may wait for ever
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(min(_CHUNK, max(size, 1))))
    try:
        handle = os.open(path, _OPEN_FLAGS)
        with contextlib.closing(os.fdopen(handle, "rb", buffering=0)) as stream:
            before = _stamp_of(name, os.fstat(handle))
            while count := stream.readinto(buffer):
                digest.update(buffer[:count])
                if copy is not None:
                    _write(copy, buffer[:count])
            after = _stamp_of(name, os.fstat(handle))
    except OSError as error:
        raise unreadable(path, error) from error
    if before != after:
        raise ModelArtifactNotFound(
            f"{name!r} of the model artifact was written to while it was read; try again"
        )
    return after, digest.hexdigest()


def _write(copy: BinaryIO, data: memoryview) -> None:
    """Write a piece; an error of the copy is none of the file that is read."""
    try:
        copy.write(data)
    except OSError as error:
        raise _unwritable(Path(copy.name), error) from error


def _unwritable(path: Path, error: OSError) -> IoError:
    return IoError(f"cannot write {path}: {error.strerror or error}")
