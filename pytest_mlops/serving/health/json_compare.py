"""Whether two JSON values are the same, numbers apart by a tolerance at the most."""

from __future__ import annotations

import json
import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["differences", "parse_strict"]

_MOST = 20
_DEEPEST = 200
_LONGEST = 60
_PLAIN = re.compile(r"[\w-]{1,60}", re.ASCII)


def parse_strict(text: str | bytes) -> Any:
    """Return the value of a JSON text without NaN, infinities and names that are given twice.

    Raises:
        SerializationError: it is none.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise SerializationError(f"not JSON: {error}") from error


def differences(got: Any, expected: Any, *, tolerance: float) -> tuple[str, ...]:
    """Return a sentence for each place where two JSON values differ, at most twenty.

    Names, kinds and lengths must be the same, and so must texts. A number may be apart by ``tolerance``, or
    by ``tolerance`` times the expected one where that is above 1. NaN equals nothing.

    Args:
        got: The value to look at.
        expected: The value that it should be.
        tolerance: 0 or above.
    """
    found = []
    for sentence in _differences(got, expected, tolerance, "the answer", 0):
        found.append(sentence)
        if len(found) == _MOST:
            break
    return tuple(found)


def _differences(got: Any, expected: Any, tolerance: float, path: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        yield f"{path} is nested more than {_DEEPEST} deep"
    elif _is_number(expected) and _is_number(got):
        if not _close(got, expected, tolerance):
            yield f"{path} is {_shown(got)}, expected {_shown(expected)}"
    elif type(got) is not type(expected):
        yield f"{path} is {_kind(got)}, expected {_kind(expected)}"
    elif isinstance(expected, dict):
        yield from _in_objects(got, expected, tolerance, path, depth)
    elif isinstance(expected, list):
        yield from _in_lists(got, expected, tolerance, path, depth)
    elif got != expected:
        yield f"{path} is {_shown(got)}, expected {_shown(expected)}"


def _in_objects(
    got: dict[str, Any], expected: dict[str, Any], tolerance: float, path: str, depth: int
) -> Iterator[str]:
    for key in sorted(expected.keys() | got.keys()):
        place = f"{path}.{key}" if _PLAIN.fullmatch(key) else f"{path}[{_shown(key)}]"
        if key not in got:
            yield f"{place} is missing"
        elif key not in expected:
            yield f"{place} is there, and was not expected"
        else:
            yield from _differences(got[key], expected[key], tolerance, place, depth + 1)


def _in_lists(got: list[Any], expected: list[Any], tolerance: float, path: str, depth: int) -> Iterator[str]:
    if len(got) != len(expected):
        yield f"{path} has {len(got)} entries, expected {len(expected)}"
        return
    for index, (left, right) in enumerate(zip(got, expected, strict=True)):
        yield from _differences(left, right, tolerance, f"{path}[{index}]", depth + 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _close(got: float, expected: float, tolerance: float) -> bool:
    if not all(-math.inf < value < math.inf for value in (got, expected)):  # isfinite() fails on long ones
        return False
    if got == expected:
        return True
    # Exact: as floats, long whole numbers would be rounded to one another, or be too long.
    apart, size = abs(Fraction(got) - Fraction(expected)), abs(Fraction(expected))
    return apart <= Fraction(tolerance) * max(Fraction(1), size)


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**60 else "a very long number"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _kind(value: Any) -> str:
    names = {bool: "true or false", str: "text", dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(value), "a number")


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name is given twice in one object")
    return values
