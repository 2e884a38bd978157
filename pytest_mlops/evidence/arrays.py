"""Per-example arrays in content-addressed NPZ files, without pickles."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import EvidenceError, RecordingError
from pytest_mlops.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["load_arrays", "save_arrays"]


def save_arrays(arrays: Mapping[str, NDArray[Any]], folder: Path) -> tuple[str, int]:
    """Write arrays to ``folder/<digest>.npz`` and return the SHA-256 of the file and its size in bytes.

    The same arrays make the same bytes, so a file that is there already is left alone, and two processes may
    write the same one.

    Raises:
        RecordingError: an array that could only be pickled.
        IoError: the file could not be written.
    """
    data = _pack(arrays)
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest}.npz"
    if not (path.is_file() and path.stat().st_size == len(data)):
        write_atomically(path, data)
    return digest, len(data)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a file that is named by its digest.

    Raises:
        EvidenceError: unreadable, bytes that are not those of the digest, or no plain NPZ file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EvidenceError(
            f"cannot read {path}: {error.strerror or error}; expected the arrays that the record names"
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != path.stem:
        raise EvidenceError(
            f"{path} has the digest {digest}, expected that of its name; it was changed, so measure again"
        )
    try:
        return _unpack(data)
    except (ValueError, OSError, EOFError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        raise EvidenceError(
            f"{path} is not a plain NPZ file ({error}); expected one that this package wrote"
        ) from error


def _pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    stream = io.BytesIO()
    # Stored, and without times of day: ZipInfo's default date makes equal arrays equal bytes.
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in sorted(arrays.items()):
            if array.dtype.hasobject:
                raise RecordingError(
                    f"array {name!r} has dtype {array.dtype}; expected numbers, booleans or text"
                )
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _unpack(data: bytes) -> dict[str, NDArray[Any]]:
    # Not np.load: it takes a slice called "a.npy" for the member of a slice called "a".
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        arrays = {}
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{info.filename} is compressed")
            with archive.open(info) as member:
                arrays[info.filename.removesuffix(".npy")] = np.lib.format.read_array(
                    member, allow_pickle=False
                )
        return arrays
