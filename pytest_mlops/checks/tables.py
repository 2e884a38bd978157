"""Columns of tabular inputs by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.columns import read_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_mlops.checks.base import CheckContext

    Array = NDArray[Any]

__all__ = ["codes_of", "columns_of", "missing_in", "table_of"]


def table_of(context: CheckContext, fixture: str) -> dict[str, Array]:
    """Return the columns (n,) of the fixture's ``X``, or of the fixture itself if it is a table.

    Raises:
        IncompleteEvidence: it is not a table, or has no rows.
    """
    value = context.fixtures[fixture]
    inner = value.get("X") if isinstance(value, Mapping) else getattr(value, "X", None)
    # A data frame may have a column named X.
    is_table = hasattr(value, "columns") or isinstance(value, np.ndarray)
    columns = columns_of(value if is_table or inner is None else inner)
    sizes = {name: len(column) for name, column in columns.items()}
    if not sizes or not max(sizes.values()):
        raise IncompleteEvidence(
            f"the fixture {fixture!r} has a table without rows; expected at least one row"
        )
    if len(set(sizes.values())) > 1:
        raise IncompleteEvidence(
            f"the fixture {fixture!r} has columns of different lengths, {sizes}; expected one value per row"
        )
    return columns


def columns_of(table: Any) -> dict[str, Array]:
    """Return column name -> values (n,) of a data frame, a mapping, or a structured or plain array.

    The columns of a plain array are named by position, from ``"0"``.

    Raises:
        IncompleteEvidence: ``table`` is not a table, or two columns have the same name.
    """
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        names = list(table.columns)
        found = {str(name): _column(str(name), table[name]) for name in names}
        if len(found) < len(names):
            raise IncompleteEvidence(
                f"{len(names) - len(found)} columns have the name of another column; expected unique names"
            )
        return found
    if isinstance(table, Mapping):
        return {str(name): _column(str(name), column) for name, column in table.items()}
    array = read_array("the table", table)
    if array.dtype.names is not None:
        return {name: _column(name, array[name]) for name in array.dtype.names}
    if array.ndim == 0:
        raise IncompleteEvidence(
            f"the data have type {type(table).__name__}; expected a data frame, a mapping of columns or an "
            "array"
        )
    flat = array.reshape(len(array), -1)
    return {str(index): flat[:, index] for index in range(flat.shape[1])}


def missing_in(column: Array) -> NDArray[np.bool_]:
    """Return which values (n,) are missing: None, NaN, NaT and pandas' NA."""
    if column.dtype.kind in "fc":
        return np.asarray(np.isnan(column))
    if column.dtype.kind in "mM":
        return np.asarray(np.isnat(column))
    if column.dtype.kind in "OT":
        return np.array([_is_missing(value) for value in column.tolist()], dtype=np.bool_)
    return np.zeros(len(column), dtype=np.bool_)


def codes_of(first: dict[str, Array], second: dict[str, Array]) -> tuple[Array, Array]:
    """Encode two tables as integers (n, d) and (m, d) that are equal exactly where the values are equal.

    Numbers compare by value, whatever their type, and at the precision of the coarsest float type in the
    column, so that rows equal their copies stored as float32. Missing values equal each other.

    Raises:
        IncompleteEvidence: the tables have different columns, or one column is text in only one of them.
    """
    if first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise IncompleteEvidence(
            f"only one of the tables has the columns {', '.join(odd[:5])}; expected the same columns in both"
        )
    codes = []
    n = len(next(iter(first.values()), ()))
    for name, column in first.items():
        joined = _comparable(name, column, second[name])
        codes.append(np.unique(joined, return_inverse=True)[1])
    table = np.stack(codes, axis=1).astype(np.int64)
    return table[:n], table[n:]


def _column(name: str, value: Any) -> Array:
    array = read_array(f"the column {name}", value.to_numpy() if hasattr(value, "to_numpy") else value)
    if array.ndim != 1:
        raise IncompleteEvidence(f"the column {name} has shape {array.shape}; expected one value per row")
    return array


def _comparable(name: str, first: Array, second: Array) -> Array:
    """Return both columns concatenated, in a type whose equality is that of the values."""
    kinds = {first.dtype.kind, second.dtype.kind}
    if len(kinds) == 1 and kinds <= set("UmM"):
        return np.concatenate([first, second])
    kept = _coarsest(first, second)
    if kinds <= set("biuf"):
        number = kept or np.result_type(first, second)
        if kept or number.kind != "f":  # NumPy promotes int64 with uint64 to float64.
            with np.errstate(over="ignore"):
                joined: Array = np.concatenate([first.astype(number), second.astype(number)])
            joined += number.type(0)  # -0.0 equals 0.0
            return joined
    texts = [_tokens(column, kept) for column in (first, second)]
    held = [{token[0] for token in part} - {"?"} for part in texts]
    if all(held) and held[0].isdisjoint(held[1]):
        raise IncompleteEvidence(
            f"the column {name} has values of different kinds in the two tables; convert one of them"
        )
    return np.array([*texts[0], *texts[1]], dtype=np.str_)


def _coarsest(*columns: Array) -> np.dtype[Any] | None:
    """Return the least precise float type among the columns' values; ``None`` without floats."""
    floats = {column.dtype for column in columns if column.dtype.kind == "f"}
    for column in columns:
        if column.dtype.kind == "O":
            present = column[~missing_in(column)].tolist()
            floats |= {np.dtype(type(value)) for value in present if isinstance(value, float | np.floating)}
    return min(floats, key=lambda dtype: dtype.itemsize, default=None)


def _tokens(column: Array, kept: np.dtype[Any] | None) -> list[str]:
    """Return each value as a text that starts with its kind, numbers rounded to the float type ``kept``."""
    missing = missing_in(column)
    with np.errstate(over="ignore"):
        return [
            "?" if gone else _token(value, kept) for value, gone in zip(column.tolist(), missing, strict=True)
        ]


def _token(value: Any, kept: np.dtype[Any] | None) -> str:
    if isinstance(value, str):
        return f"t{value}"
    is_number = isinstance(value, int | float | np.floating | np.integer | np.bool_)
    if is_number and not isinstance(value, np.timedelta64):
        return f"n{_numeral(value, kept)}"
    return f"o{type(value).__name__} {value!r}"


def _numeral(number: Any, kept: np.dtype[Any] | None) -> str:
    if kept is None:  # integers only
        return str(int(number))
    try:
        rounded = float(kept.type(number))
    except OverflowError:  # beyond the range of float64
        return str(number)
    return str(int(rounded)) if rounded.is_integer() else repr(rounded)


def _is_missing(value: Any) -> bool:
    # NA and NaT of pandas are recognised by name, since pandas need not be installed.
    return (
        value is None
        or type(value).__name__ in {"NAType", "NaTType"}
        or (
            isinstance(value, float) and value != value  # noqa: PLR0124 -- NaN alone
        )
    )
