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
import stat
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_mlops.errors import ModelArtifactNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "MAX_ENTRIES",
    "ArtifactDigest",
    "Stamp",
    "changed_since",
    "combine_digests",
    "digest_artifact",
    "resolve_artifact",
]

MAX_ENTRIES = 1_000_000
"""Files and folders of one artifact; links that multiply each other end here."""

_DOMAIN = b"pytest-mlops artifact 1\n"
_CHUNK = 1024 * 1024
_PARALLEL_FROM = 64 * 1024 * 1024
_MOST_THREADS = 8
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """What the file system says of a file; while it stays equal, the bytes are taken to be the same.

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
            f"the model artifact {artifact!r} leads to {target}, outside {base}; "
            "keep the model's files at or below the folder of mlops.yaml"
        )
    return path


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
    for name, real in sorted(_files(path).items(), key=lambda item: item[0].encode()):
        stamp, digest = (known or {}).get(name, (None, ""))
        if stamp is not None and stamp == _stamp(name, real):
            stamps[name], digests[name] = stamp, digest
        else:
            unread.append((name, real))
    for (name, _), (stamp, read) in zip(unread, _read_all(unread), strict=True):
        stamps[name], digests[name] = stamp, read.hex()
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
        files = _files(path)
        for name in sorted(files.keys() | before.digests.keys()):
            if name not in before.digests:
                return f"the model artifact gained the file {name!r} while its tests ran"
            if name not in files:
                return f"the model artifact lost the file {name!r} while its tests ran"
            if _stamp(name, files[name]) == before.stamps[name]:
                continue
            if _read(name, files[name])[1].hex() != before.digests[name]:
                return f"the model artifact's file {name!r} changed while its tests ran"
    except ModelArtifactNotFound as error:
        return f"the model artifact cannot be read any more: {error}"
    return None


def _files(path: Path) -> dict[str, Path]:
    """Return relative name -> real path of every file of the artifact."""
    root = _real(path)
    if not root.is_dir():
        return {_checked_name(path.name): root}
    files = dict(_walk(root))
    if not files:
        raise ModelArtifactNotFound(
            f"the model artifact {path} has no file in it; train or fetch the model first"
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
                    "point artifact at the model alone"
                )
            name = _checked_name(f"{prefix}{entry.name}")
            real = _within(root, name, entry)
            if not _is_folder(entry):
                yield name, real
            elif real in around:
                raise ModelArtifactNotFound(
                    f"the link {name!r} of the model artifact leads back to a folder around it; remove it"
                )
            else:
                pending.append((f"{name}/", real, around | {real}))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise _unreadable(Path(entry.path), error) from error


def _within(root: Path, name: str, entry: os.DirEntry[str]) -> Path:
    """Return the real path of an entry, which must lie in ``root``."""
    path = Path(entry.path)
    if not entry.is_symlink():
        return path
    real = _real(path)
    if not real.is_relative_to(root):
        raise ModelArtifactNotFound(
            f"the link {name!r} of the model artifact leads to {real}, outside the artifact; "
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
            f"the model artifact {path} is not there; train or fetch the model, or correct model.artifact"
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except (RuntimeError, ValueError) as error:  # a circle of links before Python 3.13; a NUL in the name
        raise ModelArtifactNotFound(f"the model artifact {path} is not a path to follow: {error}") from error


def _stamp(name: str, path: Path) -> Stamp:
    try:
        return _stamp_of(name, path.stat())
    except OSError as error:
        raise _unreadable(path, error) from error


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


def _read_all(files: list[tuple[str, Path]]) -> Iterable[tuple[Stamp, bytes]]:
    """Return the stamp and the SHA-256 of each file, in order; large artifacts are read on several cores."""
    if len(files) < 2 or sum(_stamp(name, path).size for name, path in files) < _PARALLEL_FROM:
        return [_read(name, path) for name, path in files]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- small models do without

    # hashlib lets go of the interpreter lock while it works.
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        return list(pool.map(_read, *zip(*files, strict=True)))


def _read(name: str, path: Path) -> tuple[Stamp, bytes]:
    """Return the stamp and the SHA-256 of one file, read in pieces of 1 MiB."""
    size = _stamp(name, path).size  # a pipe or device is refused before it is opened, which may wait for ever
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(min(_CHUNK, max(size, 1))))
    try:
        handle = os.open(path, _OPEN_FLAGS)
        with contextlib.closing(os.fdopen(handle, "rb", buffering=0)) as stream:
            before = _stamp_of(name, os.fstat(handle))
            while count := stream.readinto(buffer):
                digest.update(buffer[:count])
            after = _stamp_of(name, os.fstat(handle))
    except OSError as error:
        raise _unreadable(path, error) from error
    if before != after:
        raise ModelArtifactNotFound(
            f"{name!r} of the model artifact was written to while it was read; try again"
        )
    return after, digest.digest()


def _unreadable(path: Path, error: OSError) -> ModelArtifactNotFound:
    reason = error.strerror or error
    return ModelArtifactNotFound(
        f"the model artifact's {path} cannot be read: {reason}; check its permissions"
    )
