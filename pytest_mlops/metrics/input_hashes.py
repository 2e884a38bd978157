"""Hashes of inputs, one per example, which show whether two runs had the same inputs.

The serialisation tags every value with its kind and length, so that different inputs never serialise alike:
a number as the float64 that it equals, or exactly if it equals none.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from numbers import Integral, Real
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.columns import EXACT, check_length, read_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["CASES", "hash_inputs"]

CASES = "cases"
"""Name of the hashes among the stored arrays."""
BLOCK = 1 << 20
"""Numbers serialised at once."""
UNITS_WITHOUT = {"M": {"ps", "fs", "as"}, "m": {"ps", "fs", "as", "Y", "M", "generic"}}
"""Time units of NumPy that days and nanoseconds cannot represent, by dtype kind."""


def hash_inputs(inputs: object, n: int) -> NDArray[np.uint64]:
    """Return 64 bits of BLAKE2b over the inputs of each example, (n,).

    Numbers are hashed by value, independent of their type; arrays, lists and tuples by items and lengths; a
    data frame by the values of its columns, in order.

    Args:
        inputs: An array (n, ...), a data frame, or a list of n items: numbers, text, bytes, dates, and
            arrays, lists, mappings and dataclasses of these.
        n: Number of examples.

    Raises:
        RecordingError: the number of inputs is not ``n``, or an item has an unsupported type.
    """
    try:
        found, rows = _rows(inputs)
        check_length("inputs", found, n)
        hashes = [hashlib.blake2b(row, digest_size=8).digest() for row in rows]
    except RecursionError as error:
        raise RecordingError(
            "inputs is nested too deeply; expected a few levels, so flatten the lists"
        ) from error
    return np.frombuffer(b"".join(hashes), dtype="<u8").astype(np.uint64)


def _rows(value: Any) -> tuple[int, Iterable[bytes]]:
    """Return the number of rows of an array, a data frame or a list, and the bytes of each row."""
    if isinstance(value, list | tuple):
        return len(value), _listed(value)
    if hasattr(value, "columns") and hasattr(value, "__getitem__"):
        places = range(len(value.columns))
        # Two columns of a pandas frame may have the same name.
        columns = [
            value.iloc[:, place] if hasattr(value, "iloc") else value[name]
            for place, name in zip(places, value.columns, strict=True)
        ]
        return len(value), _joined([_column(column) for column in columns])
    array = _column(value)
    if isinstance(array, list):
        return len(array), _listed(array)
    if array.ndim == 0:
        raise RecordingError(
            f"inputs has type {type(value).__name__}; expected one row per example, so pass an array, a data "
            "frame or a list (for a sparse matrix, pass .toarray())"
        )
    return len(array), _items(array)


def _column(value: Any) -> Array | list[Any]:
    """Return an array if NumPy holds the values without loss, else a list, as of nullable integers."""
    dtype = getattr(value, "dtype", None)
    if hasattr(value, "to_list") and not isinstance(dtype, np.dtype):
        return list(value.to_list())
    return read_array("inputs", value)


def _items(array: Array) -> Iterator[bytes]:
    """Serialise each item (n, ...) of an array."""
    if array.dtype.names is not None:
        yield from _joined([array[name] for name in array.dtype.names])
    elif _packs(array):
        yield from _packed([array])
    else:
        yield from map(_written, array.tolist())


def _joined(columns: list[Array | list[Any]]) -> Iterator[bytes]:
    """Serialise each row of the columns, as the list of its values."""
    if not columns:
        raise RecordingError("inputs has no columns; expected at least one, so pass the inputs of the model")
    head = _head(b"L", len(columns))
    arrays = [column for column in columns if not isinstance(column, list) and _packs(column)]
    if len(arrays) == len(columns):
        yield from _packed(arrays, head)
        return
    written = [_listed(column) if isinstance(column, list) else _items(column) for column in columns]
    for row in zip(*written, strict=True):
        yield head + b"".join(row)


def _listed(values: list[Any] | tuple[Any, ...]) -> Iterator[bytes]:
    """Serialise each item of a list."""
    kinds = set(map(type, values))
    if kinds in ({float}, {int}):
        array = np.asarray(values)
        if kinds == {float} or array.dtype.kind in "iu":  # unless NumPy converted integers to floats
            yield from _items(array)
            return
    yield from map(_written, values)


def _written(value: Any) -> bytes:
    """Serialise a value as its kind, length and content."""
    if value is None or type(value).__name__ == "NAType":  # pandas need not be installed.
        return b"N"
    if isinstance(value, str | PurePath | bytes | bytearray):
        return _text(value)
    if not isinstance(value, np.timedelta64) and isinstance(value, Real | Decimal):
        return _number(value)
    if isinstance(value, complex | np.complexfloating):
        return b"c" + _number(value.real) + _number(value.imag)
    if isinstance(value, date | time | timedelta):
        return _moment(value)
    return _container(value)


def _text(value: str | PurePath | bytes | bytearray) -> bytes:
    if isinstance(value, bytes | bytearray):
        return _sized(b"y", bytes(value))
    kind = b"s" if isinstance(value, str) else b"p"
    return _sized(kind, str(value).encode("utf-8", "surrogatepass"))


def _container(value: Any) -> bytes:
    if isinstance(value, Mapping):
        pairs = sorted(_written(key) + _written(held) for key, held in value.items())
        return _head(b"M", len(pairs)) + b"".join(pairs)
    if isinstance(value, set | frozenset):
        return _head(b"S", len(value)) + b"".join(sorted(map(_written, value)))
    if is_dataclass(value) and not isinstance(value, type):
        name = _sized(b"o", type(value).__qualname__.encode())
        return name + _written({field.name: getattr(value, field.name) for field in fields(value)})
    is_array = hasattr(value, "__array__") or hasattr(value, "__array_interface__")
    if is_array and np.ndim(value) == 0:  # A scalar of NumPy too.
        return next(_items(read_array("inputs", value).reshape(1)))
    if is_array or isinstance(value, list | tuple):
        length, rows = _rows(value)
        return _head(b"L", length) + b"".join(rows)
    raise RecordingError(
        f"inputs contains values of type {type(value).__qualname__}; expected numbers, text, bytes, dates, "
        "or arrays, lists and mappings of these, so convert it, for example with vars() or .toarray()"
    )


def _number(value: Any) -> bytes:
    """Serialise a number as the float64 it equals, else exactly."""
    exact = int(value) if isinstance(value, Integral) else value
    try:
        double = float(exact)
    except OverflowError:
        double = math.inf
    if math.isnan(double):
        return struct.pack("<cd", b"f", math.nan)
    if double == exact:
        return struct.pack("<cd", b"f", double + 0.0)  # -0.0 equals 0.0
    if not isinstance(exact, int):
        above, below = map(int, exact.as_integer_ratio())
        return _number(above) if below == 1 else b"q" + _number(above) + _number(below)
    if -(2**63) <= exact < 2**64:
        return struct.pack("<cq", b"i", exact) if exact < 2**63 else struct.pack("<cQ", b"u", exact)
    return _sized(b"b", exact.to_bytes(exact.bit_length() // 8 + 1, "little", signed=True))


def _moment(value: Any) -> bytes:
    if isinstance(value, time):
        return _sized(b"h", value.isoformat().encode())
    if isinstance(value, timedelta):
        # Timedeltas of pandas have nanoseconds.
        held = value.to_timedelta64() if hasattr(value, "to_timedelta64") else np.timedelta64(value)
        return _written(held)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return b"Z" + _moment(value.astimezone(UTC).replace(tzinfo=None))
    return _written(np.datetime64(value.isoformat()))


def _packs(array: Array) -> bool:
    """Return whether all items of an array serialise to the same number of bytes, and so in blocks."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind in "mM" and np.datetime_data(array.dtype)[0] in UNITS_WITHOUT[kind]:
        raise RecordingError(
            f"inputs has dtype {array.dtype}; expected units from days to nanoseconds, so convert it with "
            f".astype('{kind}8[ns]')"
        )
    return array.ndim > 0 and (kind in "biumM" or (kind == "f" and size <= 8))


def _packed(columns: list[Array], head: bytes = b"") -> Iterator[bytes]:
    """Serialise rows of columns (n, ...) in blocks, each after ``head``; the bytes equal those per value."""
    step = max(1, BLOCK // max(1, sum(column[:1].size for column in columns)))
    for start in range(0, len(columns[0]), step):
        parts = [_cells(column[start : start + step]) for column in columns]
        heads = np.broadcast_to(np.frombuffer(head, dtype=np.uint8), (len(parts[0]), len(head)))
        for row in np.concatenate([heads, *parts], axis=1):
            yield row.tobytes()


def _cells(array: Array) -> NDArray[np.uint8]:
    """Return the bytes (m, width) of each item of an array (m, ...)."""
    records = _moments(array) if array.dtype.kind in "mM" else _numbers(array)
    cells = np.ascontiguousarray(records).view(np.uint8).reshape(*array.shape, records.dtype.itemsize)
    for size in reversed(array.shape[1:]):
        body = cells.reshape(*cells.shape[:-2], size * cells.shape[-1])
        head = np.frombuffer(_head(b"L", size), dtype=np.uint8)
        cells = np.concatenate([np.broadcast_to(head, (*body.shape[:-1], head.size)), body], axis=-1)
    return cells


def _numbers(array: Array) -> Array:
    records = np.zeros(array.shape, dtype=[("kind", "u1"), ("value", "<u8")])
    doubles = array.astype("<f8") + 0.0
    doubles[np.isnan(doubles)] = math.nan
    records["kind"], records["value"] = ord("f"), doubles.view("<u8")
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8:
        return records
    whole = array.astype(f"<{array.dtype.kind}8").view("<u8")
    size = np.abs(array).astype("<u8")
    # A float64 equals an integer with at most 53 significant binary digits.
    inexact = size // np.maximum(size & (~size + np.uint64(1)), 1) > EXACT
    large = inexact & (size >= 2**63) if array.dtype.kind == "u" else np.zeros_like(inexact)
    records["kind"][inexact], records["value"][inexact] = ord("i"), whole[inexact]
    records["kind"][large] = ord("u")
    return records


def _moments(array: Array) -> Array:
    """Serialise times as days and nanoseconds of the day, independent of their unit."""
    kind = array.dtype.kind
    records = np.zeros(array.shape, dtype=[("kind", "u1"), ("days", "<i8"), ("ns", "<i8")])
    days = array.astype(f"{kind}8[D]")
    records["kind"] = ord("D" if kind == "M" else "T")
    records["days"], records["ns"] = days.view("i8"), (array - days).astype("m8[ns]").view("i8")
    return records


def _head(kind: bytes, length: int) -> bytes:
    return struct.pack("<cQ", kind, length)


def _sized(kind: bytes, content: bytes) -> bytes:
    return _head(kind, len(content)) + content
