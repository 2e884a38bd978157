"""Unpacks the archive of an artifact, which may be hostile."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, IoError
from pytest_mlops.text import list_some

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["MAX_BYTES", "MAX_MEMBERS", "RECORD_NAME", "unpack_record"]

RECORD_NAME = "integration-result.json"
MAX_MEMBERS = 20_000
MAX_BYTES = 2 * 1024 * 1024 * 1024
"""Unpacked, all members together, as counted and not as announced."""

CHUNK = 1024 * 1024


def unpack_record(archive: Path, target: Path, *, record: str | None = None, most: int = MAX_BYTES) -> Path:
    """Unpack a record and the arrays beside it, and nothing else.

    Args:
        archive: The zip file.
        target: A folder that is not there yet.
        record: Path of the record inside; by default the only one there is.
        most: Bytes, unpacked.

    Returns:
        The record.

    Raises:
        EvidenceError: no zip file, a member that would land elsewhere or is a link, too much in it, or no
            record that is meant.
        IoError: it cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened)
            chosen = _choose([name for name in members if name.name == RECORD_NAME], record)
            beside = chosen.parent / "arrays"
            chosen_members = [name for name in members if name == chosen or name.parent == beside]
            left = most
            for name in chosen_members:
                left -= _copy(opened, members[name], target / name.relative_to(chosen.parent), left)
    # zipfile and zlib raise any of these on a hostile archive.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error) as error:
        raise EvidenceError(f"the artifact is not a readable zip file: {error}") from error
    except OSError as error:
        raise IoError(f"the artifact cannot be unpacked: {error.strerror or error}") from error
    return target / RECORD_NAME


def _members(opened: zipfile.ZipFile) -> dict[PurePosixPath, zipfile.ZipInfo]:
    listed = opened.infolist()
    if len(listed) > MAX_MEMBERS:
        raise EvidenceError(f"the artifact has {len(listed):,} members, the limit is {MAX_MEMBERS:,}")
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in listed:
        name = PurePosixPath(info.filename)
        windows = PureWindowsPath(info.filename)
        outside = name.is_absolute() or windows.drive or windows.root or ".." in windows.parts
        if outside or "\0" in info.orig_filename:
            raise EvidenceError(f"the artifact has a member with an unsafe path: {info.filename!r:.100}")
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise EvidenceError(f"the artifact has a member that is not a plain file: {info.filename!r:.100}")
        if info.is_dir():
            continue
        if name in found:
            raise EvidenceError(f"the artifact has the member {info.filename!r:.100} twice")
        found[name] = info
    return found


def _choose(records: Sequence[PurePosixPath], named: str | None) -> PurePosixPath:
    if named is not None:
        ending = PurePosixPath(named).parts
        records = [name for name in records if name.parts[-len(ending) :] == ending]
    if len(records) != 1:
        got = list_some(records, 5) or "none"
        raise EvidenceError(f"expected one {named or RECORD_NAME} in the artifact, got {got}; name one")
    return records[0]


def _copy(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, most: int) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with opened.open(info) as source, target.open("xb") as copy:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > most:
                raise EvidenceError("the artifact exceeds the size limit; unpacking stopped")
            copy.write(chunk)
    return size
