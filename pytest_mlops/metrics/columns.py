"""Validation of array arguments: converted to plain NumPy arrays and copied."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.names import ALL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = [
    "PROBABILITIES_HINT",
    "check_length",
    "check_within",
    "clip_rounding",
    "is_whole",
    "not_whole",
    "read_array",
    "read_column",
    "read_finite",
    "read_ids",
    "read_numbers",
    "read_slices",
    "refuse_shape",
    "rounding_of",
]

MAX_NAME = 200
"""Maximum characters of a slice name."""
MAX_SLICES = 1000
"""Maximum number of slices; more indicate that ids were passed, and one mask each would exhaust the
memory."""
EXACT = 2**53
"""Every integer up to here is exact as a float64."""
PROBABILITIES_HINT = "pass labels as y_pred and probabilities as y_score"


def read_array(argument: str, value: object) -> Array:
    """Convert an array-like of any shape to an array.

    Raises:
        RecordingError: ``value`` has masked entries or ragged rows, or is not array-like.
    """
    if np.ma.is_masked(value):
        raise RecordingError(
            f"{argument} has masked entries; expected a value for every example, so drop the masked ones"
        )
    if type(value).__name__ == "LazyFrame":
        raise RecordingError(f"{argument} is a lazy frame; expected its values, so call .collect() first")
    if isinstance(value, Iterator):
        raise RecordingError(
            f"{argument} is a {type(value).__name__}, which can be read only once; pass list({argument})"
        )
    if hasattr(value, "to_pylist") and hasattr(value, "to_pandas"):
        value = _from_arrow(argument, value)
    try:
        array = np.asarray(value)
        if array.dtype.kind == "U" and not isinstance(value, np.ndarray):
            # NumPy converts numbers and NaN to text if the list also contains text.
            array = np.asarray(value, dtype=object)
    except (TypeError, ValueError, RuntimeError) as error:
        raise RecordingError(
            f"{argument} is not array-like ({error}); pass a flat list, a NumPy array or a pandas column"
        ) from error
    return array


def _from_arrow(argument: str, value: Any) -> Any:
    """Return a pyarrow array, or the columns of a pyarrow table, as NumPy's."""
    schema = getattr(value, "schema", None)
    if schema is None:
        return np.asarray(value.to_pylist())
    columns = [_from_arrow(argument, value.column(index)) for index in range(len(schema.names))]
    return np.stack(columns, axis=1) if columns else np.empty((0, 0))


def read_column(argument: str, value: object) -> Array:
    """Validate a non-empty (n,) array and return it as bool, int64, float64 or str; always a copy.

    Raises:
        RecordingError: another shape or type, a missing value, NaN or infinity.
    """
    array = read_array(argument, value)
    if array.ndim != 1:
        refuse_shape(argument, array)
    if array.size == 0:
        raise RecordingError(f"{argument} is empty; expected at least one example")
    kind = array.dtype.kind
    if kind in "OT":
        return _items(argument, array)
    if kind == "f":
        return read_finite(argument, array)
    if kind == "u" and int(array.max()) > np.iinfo(np.int64).max:
        raise RecordingError(
            f"{argument} has values up to {array.max()}; expected 64-bit signed integers, so use smaller "
            "numbers"
        )
    if kind in "iu":
        return array.astype(np.int64)
    if kind in "bU":
        return array.copy()
    raise RecordingError(
        f"{argument} has dtype {array.dtype}; expected numbers, booleans or text, so convert it with"
        f" .astype{'(str)' if kind in 'mM' else ''}"
    )


def refuse_shape(argument: str, array: Array) -> NoReturn:
    """Raise the RecordingError for an array that is not (n,)."""
    fix = "pass one value per example"
    if array.ndim == 2 and array.shape[1] == 1:
        fix = f"pass {argument}.ravel()"
    elif array.ndim == 2 and argument == "y_pred":
        fix = PROBABILITIES_HINT
    raise RecordingError(f"{argument} has shape {array.shape}; expected (n,): {fix}")


def read_finite(argument: str, array: Array) -> NDArray[np.float64]:
    """Return a float64 copy of a numeric array (n,) or (n, K).

    Raises:
        RecordingError: an entry is NaN or infinite; the message names the first row.
    """
    with np.errstate(over="ignore"):
        numbers: NDArray[np.float64] = array.astype(np.float64)
    _refuse_missing(argument, ~np.isfinite(numbers), "NaN or infinite")
    return numbers


def _items(argument: str, array: Array) -> Array:
    """Return an array of objects as text, or as numbers where all of them are."""
    items = array.tolist()
    kinds = np.array([_kind_of(item) for item in items])
    _refuse_missing(argument, kinds == "missing", "missing")
    if (kinds == "number").all() and (numbers := np.array(items)).dtype.kind != "O":
        return read_column(argument, numbers)
    kinds[kinds == "number"] = "other"
    if (other := np.flatnonzero(kinds == "other")).size:
        item = items[other[0]]
        raise RecordingError(
            f"{argument} has {item!r:.60} ({type(item).__name__}) at position {other[0]};"
            " expected only text, or an array of numbers"
        )
    return np.array(items, dtype=np.str_)


def _kind_of(item: object) -> str:
    if isinstance(item, str):
        return "text"
    # NA and NaT of pandas are recognised by name, since pandas need not be installed.
    absent = item is None or type(item).__name__ in {"NAType", "NaTType"}
    if absent or (isinstance(item, float) and math.isnan(item)):
        return "missing"
    return "number" if isinstance(item, int | float | np.number | np.bool_) else "other"


def _refuse_missing(argument: str, missing: NDArray[np.bool_], what: str) -> None:
    if count := int(missing.sum()):
        first = int(np.argwhere(missing)[0, 0])
        raise RecordingError(
            f"{argument} has {count} {what} value{'s' if count > 1 else ''}, the first at position {first};"
            " expected a value for every example, so fix or drop these"
        )


def read_numbers(argument: str, value: object) -> NDArray[np.float64]:
    """Validate a non-empty (n,) array and return it as float64.

    Raises:
        RecordingError: as :func:`read_column`, and for text.
    """
    column = read_column(argument, value)
    if column.dtype.kind == "U":
        raise RecordingError(f"{argument} is text; expected numbers, so convert it with .astype(float)")
    numbers: NDArray[np.float64] = column.astype(np.float64)
    return numbers


def rounding_of(array: Array) -> float:
    """Return four units of rounding of the numbers' type, relative to 1; 0 for integers.

    Numbers of float64 that are all exact in float32 count as such, since they were computed there.
    """
    if array.dtype.kind != "f":
        return 0.0
    kind = array.dtype
    with np.errstate(over="ignore"):
        if kind.itemsize > 4 and np.array_equal(array.astype(np.float32), array):
            kind = np.dtype(np.float32)
    return 4 * float(np.finfo(kind).eps)


def clip_rounding(
    argument: str, values: NDArray[np.float64], low: float, high: float, rounding: float, *, fix: str
) -> NDArray[np.float64]:
    """Clip values (n,) or (n, K) that are outside ``low``..``high`` by rounding only.

    Args:
        argument: Name of the argument, for the message.
        values: The values.
        low: Smallest possible value.
        high: Largest possible value.
        rounding: What counts as rounding, see :func:`rounding_of`; relative to bounds above 1.
        fix: How to correct values that are outside, for the message.

    Raises:
        RecordingError: a value is outside by more than rounding.
    """
    below = (values < low) & (values >= low - rounding * max(1.0, abs(low)))
    above = (values > high) & (values <= high + rounding * max(1.0, abs(high)))
    values = np.where(below, low, np.where(above, high, values))
    check_within(argument, values, low, high, fix)
    return values


def check_within(argument: str, values: NDArray[np.float64], low: float, high: float, fix: str) -> None:
    """Refuse values (n,) or (n, K) outside ``low``..``high``.

    Raises:
        RecordingError: a value is outside; the message has the first one, and ``fix``.
    """
    outside = (values < low) | (values > high)
    if outside.any():
        first = tuple(np.argwhere(outside)[0])
        raise RecordingError(
            f"{argument} is {_digits(values[first])} at position {first[0]};"
            f" expected {low:g} to {high:g}: {fix}"
        )


def _digits(number: np.float64) -> str:
    """Format a number with as few digits as tell it apart from all others."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def check_length(argument: str, got: int, n: int) -> None:
    """Refuse an argument whose length is not that of ``y_true``.

    Raises:
        RecordingError: the lengths differ.
    """
    if got != n:
        raise RecordingError(
            f"{argument} has length {got} and y_true has length {n}; expected one value per example in both"
        )


def read_ids(value: object, n: int) -> Array:
    """Validate unique example ids (n,) and return them as int64 or str.

    Raises:
        RecordingError: as :func:`read_column`, for another type, and for duplicate ids.
    """
    ids = read_column("ids", value)
    check_length("ids", ids.size, n)
    if ids.dtype.kind not in "iU":
        raise RecordingError(f"ids has dtype {ids.dtype}; expected text or int, so convert with .astype(str)")
    if len(set(ids.tolist())) < n:
        first, again = _repeat(ids)
        raise RecordingError(
            f"ids has {ids[first].item()!r:.60} at position {first} and again at {again};"
            " expected unique ids, one per example"
        )
    return ids


def _repeat(ids: Array) -> tuple[int, int]:
    """Return the positions of the first duplicate id and of its repetition."""
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(ids[order[1:]] == ids[order[:-1]])
    earliest = again[order[again + 1].argmin()]
    return int(order[earliest]), int(order[earliest + 1])


def read_slices(value: object, n: int) -> dict[str, NDArray[np.bool_]]:
    """Validate slices: slice name -> mask (n,), a data frame of masks, or one slice name per example (n,).

    Returns:
        Slice name -> boolean mask (n,).

    Raises:
        RecordingError: a name or a mask is invalid, or there are too many slices.
    """
    columns = None if hasattr(value, "collect") else getattr(value, "columns", None)
    if columns is not None and hasattr(value, "__getitem__") and not isinstance(value, Mapping):
        value = {name: value[name] for name in columns}
    if isinstance(value, Mapping):
        _check_slice_names(list(value))
        return {name: _mask(name, mask, n) for name, mask in value.items()}
    labels = read_column("slices", value)
    check_length("slices", labels.size, n)
    if labels.dtype.kind != "U":
        raise RecordingError(
            f"slices has dtype {labels.dtype}; expected one slice name per example (convert with "
            ".astype(str)), or a mapping of slice name to boolean mask"
        )
    names, codes = np.unique(labels, return_inverse=True)
    _check_slice_names(names.tolist())
    return {name: codes == code for code, name in enumerate(names.tolist())}


def _check_slice_names(names: list[object]) -> None:
    if len(names) > MAX_SLICES:
        raise RecordingError(
            f"slices has {len(names)} names; expected at most {MAX_SLICES}, so group them (pass ids as ids=)"
        )
    for name in names:
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
            raise RecordingError(
                f"slices has the name {name!r:.60}; expected text of 1 to {MAX_NAME} characters"
            )
        if name == ALL:
            raise RecordingError(
                f"slices has the name {ALL!r}, which is reserved for all examples; use another name"
            )


def _mask(name: str, value: object, n: int) -> NDArray[np.bool_]:
    argument = f"slices[{name!r}]"
    mask = read_array(argument, value)
    if mask.ndim != 1:
        refuse_shape(argument, mask)
    check_length(argument, mask.size, n)
    if mask.dtype.kind != "b":
        raise RecordingError(
            f"{argument} has dtype {mask.dtype}; expected a boolean mask without missing values, such as age "
            "< 40"
        )
    return mask.astype(np.bool_)


def not_whole(array: Array) -> NDArray[np.bool_]:
    """Return which numbers are not integers; floats beyond 2**53 count as not."""
    if array.dtype.kind != "f":
        return np.zeros(array.shape, dtype=np.bool_)
    fractions: NDArray[np.bool_] = (array != np.floor(array)) | (np.abs(array) > EXACT)
    return fractions


def is_whole(array: Array) -> bool:
    """Return whether all numbers are integers."""
    return not not_whole(array).any()
