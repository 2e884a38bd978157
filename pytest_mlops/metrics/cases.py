"""Case hashes: a number per example that changes with its inputs, so that runs show to have had the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.metrics.columns import check_length, read_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["CASES", "hash_cases"]

CASES = "cases"
"""Name of the hashes among stored arrays."""


def hash_cases(inputs: object, n: int) -> NDArray[np.uint64]:
    """Return 64 bits of BLAKE2b over the inputs of each example (n,).

    Numbers count by value, whatever their type; everything else by the text that Python shows of it.

    Args:
        inputs: Rows, texts or arrays (n, ...), a data frame among them.
        n: Number of examples.

    Raises:
        RecordingError: not as many inputs as examples.
    """
    array = read_array("inputs", inputs)
    check_length("inputs", len(array) if array.ndim else 0, n)
    hashes = (hashlib.blake2b(row, digest_size=8).digest() for row in _rows(array))
    return np.frombuffer(b"".join(hashes), dtype="<u8").astype(np.uint64)


def _rows(array: Array) -> Iterator[bytes | memoryview]:
    if array.dtype.names is None and array.dtype.kind in "biuf":
        # Adding 0 makes one zero of -0.0 and 0.0.
        flat = np.ascontiguousarray(array.reshape(len(array), -1), dtype="<f8") + 0.0
        yield from (row.data for row in flat)
    else:
        yield from (repr(row).encode("utf-8", "surrogatepass") for row in array.tolist())
