"""Digests that are not made twice: only files whose stamp changed since the last reading are read again.

Everyone who may write to the folder may write to the cache, so it is trusted only to watch a model that was
verified before. A ticket always reads every byte.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import EvidenceError, SerializationError
from pytest_mlops.evidence.digest import ArtifactDigest, Stamp, digest_artifact
from pytest_mlops.files import read_bytes, write_atomically
from pytest_mlops.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["digest_cached"]

FORMAT = 1
MAX_CACHE_BYTES = 256 * 1024 * 1024

SETTLED_NS = 2_000_000_000
"""A file written within these nanoseconds before it was read may be written again under the same stamp:
file systems count time in steps of up to two seconds."""


def digest_cached(path: Path, cache: Path) -> ArtifactDigest:
    """Return the digest of the artifact at ``path``, reading no file that is known from ``cache``.

    A cache that is missing, of another artifact or damaged is replaced.

    Args:
        path: A file or folder.
        cache: The JSON file that keeps the readings of one artifact.

    Raises:
        ModelArtifactNotFound: as :func:`~pytest_mlops.evidence.digest.digest_artifact`.
        IoError: the cache could not be written.
    """
    began = time.time_ns()
    place = str(path.resolve())
    known = _load(cache, place)
    found = digest_artifact(path, known=known)
    settled = {
        name: (stamp, found.digests[name])
        for name, stamp in found.stamps.items()
        if max(stamp.mtime_ns, stamp.ctime_ns) < began - SETTLED_NS
    }
    if settled != known:
        write_atomically(cache, _dump(place, settled))
    return found


def _dump(place: str, readings: Mapping[str, tuple[Stamp, str]]) -> bytes:
    files = {
        name: [stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode, digest]
        for name, (stamp, digest) in readings.items()
    }
    return json.dumps({"format": FORMAT, "artifact": place, "files": files}).encode()


def _load(cache: Path, place: str) -> dict[str, tuple[Stamp, str]]:
    try:
        data = parse_object(read_bytes(cache, limit=MAX_CACHE_BYTES), what="the cache", limit=MAX_CACHE_BYTES)
    except (EvidenceError, SerializationError):
        return {}
    if (
        data.get("format") != FORMAT
        or data.get("artifact") != place
        or not isinstance(data.get("files"), dict)
    ):
        return {}
    readings = {name: _reading(entry) for name, entry in data["files"].items()}
    return {name: reading for name, reading in readings.items() if reading is not None}


def _reading(entry: Any) -> tuple[Stamp, str] | None:
    match entry:
        case [int(size), int(mtime_ns), int(ctime_ns), int(inode), str(digest)] if _is_digest(digest):
            return Stamp(size=size, mtime_ns=mtime_ns, ctime_ns=ctime_ns, inode=inode), digest
    return None


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")
