"""Columns of tabular inputs by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.checks.canonical import MISSING, canonical, is_missing, kind_of
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
    if type(table).__name__ == "LazyFrame":
        raise IncompleteEvidence("the data are a lazy frame; expected a data frame, so call .collect()")
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        # The columns of a pyarrow table are its values; its schema has the names.
        names = list(table.schema.names if hasattr(table, "to_pylist") else table.columns)
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
        return np.array([is_missing(value) for value in column.tolist()], dtype=np.bool_)
    return np.zeros(len(column), dtype=np.bool_)


def codes_of(first: dict[str, Array], second: dict[str, Array]) -> tuple[Array, Array]:
    """Encode two tables as integers (n, d) and (m, d) that are equal exactly where the values are equal.

    Numbers compare by value, whatever their type, and at the precision of the coarsest float type in the
    column, so that rows equal their copies stored as float32. Times with a zone compare as instants. Missing
    values equal each other.

    Args:
        first: The training data.
        second: The test data.

    Raises:
        IncompleteEvidence: the tables have different columns, a column of the second table has values of a
            kind that the first one does not have, or values that cannot be compared.
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
    array = read_array(f"the column {name}", _values(name, value))
    if array.ndim != 1:
        raise IncompleteEvidence(f"the column {name} has shape {array.shape}; expected one value per row")
    return array


def _values(name: str, column: Any) -> Any:
    """Return a column for NumPy; times with a zone as Python objects, since NumPy has no zones."""
    kind = getattr(column, "dtype", getattr(column, "type", None))
    polars_or_arrow = getattr(kind, "time_zone", None) or (
        hasattr(column, "to_pylist") and getattr(kind, "tz", None)
    )
    if not polars_or_arrow:
        return column.to_numpy() if hasattr(column, "to_numpy") else column
    bare = np.asarray(column.to_numpy())
    if bare.dtype.kind == "M" and np.datetime_data(bare.dtype)[0] == "ns":
        whole = bare.astype("datetime64[us]").astype(bare.dtype)
        if ((whole != bare) & ~np.isnat(bare)).any():
            raise IncompleteEvidence(
                f"the column {name} has nanoseconds and a time zone; convert it to microseconds"
            )
    found = np.empty(len(bare), dtype=object)
    found[:] = [time and time.replace(tzinfo=UTC) for time in bare.astype("datetime64[us]").tolist()]
    return found


def _comparable(name: str, first: Array, second: Array) -> Array:
    """Return both columns concatenated, in a type whose equality is that of the values."""
    kinds = {first.dtype.kind, second.dtype.kind}
    if kinds == {"U"} or (first.dtype == second.dtype and kinds <= set("mM")):
        return np.concatenate([first, second])
    kept = _coarsest(first, second)
    if kinds <= set("biuf"):
        number = kept or np.result_type(first, second)
        if kept or number.kind != "f":  # NumPy promotes int64 with uint64 to float64.
            with np.errstate(over="ignore"):
                joined: Array = np.concatenate([first.astype(number), second.astype(number)])
            joined += number.type(0)  # -0.0 equals 0.0
            return joined
    texts = [_texts(name, column, kept) for column in (first, second)]
    held = [{kind_of(text) for text in part} - {MISSING} for part in texts]
    if all(held) and not held[1] <= held[0]:
        raise IncompleteEvidence(
            f"the column {name} has values of different kinds in the two tables, {_kinds(held[1])} and"
            f" {_kinds(held[0])}; convert one of them"
        )
    return np.array([*texts[0], *texts[1]], dtype=object)


def _kinds(held: set[str]) -> str:
    return " with ".join(sorted(held))


def _coarsest(*columns: Array) -> np.dtype[Any] | None:
    """Return the least precise float type among the columns' values; ``None`` without floats."""
    floats = {column.dtype for column in columns if column.dtype.kind == "f"}
    for column in columns:
        if column.dtype.kind == "O":
            present = column[~missing_in(column)].tolist()
            floats |= {np.dtype(type(value)) for value in present if isinstance(value, float | np.floating)}
    return min(floats, key=lambda dtype: dtype.itemsize, default=None)


def _texts(name: str, column: Array, kept: np.dtype[Any] | None) -> list[str]:
    """Return the values as canonical texts; those of an array of times as NumPy's, not as integers."""
    values = list(column) if column.dtype.kind in "mM" else column.tolist()
    try:
        with np.errstate(over="ignore"):
            return [canonical(value, kept) for value in values]
    except IncompleteEvidence as error:
        raise IncompleteEvidence(f"the column {name}: {error}") from error
