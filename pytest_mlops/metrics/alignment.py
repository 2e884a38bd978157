"""The index of pandas objects: arguments that belong together have the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_mlops.errors import RecordingError

__all__ = ["check_same_index"]


def check_same_index(**arguments: object) -> None:
    """Refuse arguments whose rows pandas would pair in another way than by position.

    Args:
        arguments: Argument name -> value. The values of a mapping are looked at one by one. Values without
            an index (lists, NumPy, polars, pyarrow) are not looked at.

    Raises:
        RecordingError: the index of an argument has other labels than that of the first one, or the same
            labels in another order.
    """
    indexed = [
        (name, index)
        for argument, value in arguments.items()
        for name, part in _parts(argument, value)
        if (index := _index_of(part)) is not None
    ]
    for name, index in indexed[1:]:
        first, reference = indexed[0]
        if len(index) == len(reference) and not reference.equals(index):
            raise RecordingError(
                f"{name} has another index than {first}{_difference(reference, index)}; expected the same"
                f" rows in the same order, so select them with .loc[{first}.index], or drop the index of both"
                " with .reset_index(drop=True) if the order is right"
            )


def _parts(argument: str, value: object) -> list[tuple[str, object]]:
    if isinstance(value, Mapping):
        named = [(f"{argument}[{name!r}]", part) for name, part in value.items()]
        return [(argument, value), *named]
    return [(argument, value)]


def _index_of(value: object) -> Any:
    """Return the index of a pandas object, or of slices made from one; ``None`` without an index."""
    index = getattr(value, "index", None)
    # Lists and tuples have a method of that name.
    return index if hasattr(index, "equals") and hasattr(index, "__len__") else None


def _difference(reference: Any, index: Any) -> str:
    pairs = zip(map(repr, reference), map(repr, index), strict=True)
    position = next((row for row, (ours, theirs) in enumerate(pairs) if ours != theirs), None)
    if position is None:
        return ""
    return f" (row {position} is {index[position]!r:.40} and not {reference[position]!r:.40})"
