"""JSON without NaN, infinities or keys given twice, compared value by value."""

from __future__ import annotations

import json
import math
import operator
import re
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import SerializationError
from pytest_mlops.text import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["differences", "parse_json", "parse_object", "within"]

_MOST = 20
_DEEPEST = 200
_LONGEST = 60
_PLAIN = re.compile(r"[\w-]{1,60}", re.ASCII)


def parse_json(text: str | bytes, *, what: str = "the text") -> Any:
    """Return the value of a JSON text; bytes are UTF-8.

    Args:
        text: The JSON.
        what: What it should be, for messages, as ``the record``.

    Raises:
        SerializationError: not JSON, a key given twice in one object, NaN, or a number beyond the floats.
    """
    try:
        # Left to itself json.loads takes bytes for UTF-16 too.
        decoded = text.decode() if isinstance(text, bytes) else text
        return json.loads(decoded, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise SerializationError(f"{what} is not valid JSON: {error}") from error


def parse_object(text: str | bytes, *, what: str, limit: int) -> dict[str, Any]:
    """Return a JSON object, as :func:`parse_json` does.

    Args:
        text: The JSON.
        what: What it should be, for messages.
        limit: Bytes beyond which it is refused unread.

    Raises:
        SerializationError: too long, no object, or as above.
    """
    if len(text) > limit:
        raise SerializationError(f"{what} has {len(text):,} bytes; the limit is {limit:,}")
    data = parse_json(text, what=what)
    if not isinstance(data, dict):
        raise SerializationError(f"{what} is a JSON {type(data).__name__}; expected an object")
    return data


def within(tolerance: float) -> Callable[[float, float], bool]:
    """Return the comparison of a number with the expected one, that may be apart by a tolerance.

    Args:
        tolerance: 0 or above; times the expected number where that is above 1.
    """
    # Exact: as floats, long whole numbers would be rounded to one another, or be too long.
    allowed = Fraction(tolerance)

    def close(got: float, expected: float) -> bool:
        if not all(
            -math.inf < value < math.inf for value in (got, expected)
        ):  # isfinite() fails on long ones
            return False
        apart, size = abs(Fraction(got) - Fraction(expected)), abs(Fraction(expected))
        return got == expected or apart <= allowed * max(Fraction(1), size)

    return close


def differences(
    got: Any,
    expected: Any,
    *,
    name: str = "the answer",
    close: Callable[[float, float], bool] = operator.eq,
) -> tuple[str, ...]:
    """Describe where two JSON values differ, up to twenty differences.

    Keys, kinds, lengths and texts must be the same; true is not 1.

    Args:
        got: The value to check.
        expected: The value that it should be.
        name: What the value is called in messages.
        close: Whether two numbers are the same; 1 and 1.0 are both numbers.
    """
    return tuple(islice(_differences(got, expected, close, name, 0), _MOST))


def _differences(
    got: Any, expected: Any, close: Callable[[float, float], bool], path: str, depth: int
) -> Iterator[str]:
    if depth > _DEEPEST:
        yield f"{path} is nested more than {_DEEPEST} deep"
    elif _is_number(expected) and _is_number(got):
        if not close(got, expected):
            yield f"{path} is {_shown(got)}, expected {_shown(expected)}"
    elif type(got) is not type(expected):
        yield f"{path} is {_kind(got)}, expected {_kind(expected)}"
    elif isinstance(expected, dict):
        yield from _in_objects(got, expected, close, path, depth)
    elif isinstance(expected, list):
        yield from _in_lists(got, expected, close, path, depth)
    elif got != expected:
        yield f"{path} is {_shown(got)}, expected {_shown(expected)}"


def _in_objects(
    got: dict[str, Any],
    expected: dict[str, Any],
    close: Callable[[float, float], bool],
    path: str,
    depth: int,
) -> Iterator[str]:
    for key in sorted(expected.keys() | got.keys()):
        member = f"{path}.{key}" if _PLAIN.fullmatch(key) else f"{path}[{_shown(key)}]"
        if key not in got:
            yield f"{member} is missing"
        elif key not in expected:
            yield f"{member} is there, and was not expected"
        else:
            yield from _differences(got[key], expected[key], close, member, depth + 1)


def _in_lists(
    got: list[Any], expected: list[Any], close: Callable[[float, float], bool], path: str, depth: int
) -> Iterator[str]:
    if len(got) != len(expected):
        yield f"{path} has {len(got)} entries, expected {len(expected)}"
        return
    for index, (left, right) in enumerate(zip(got, expected, strict=True)):
        yield from _differences(left, right, close, f"{path}[{index}]", depth + 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    too_long = isinstance(value, int) and abs(value) >= 10**_LONGEST
    return "a very long number" if too_long else cut(repr(value), _LONGEST)


def _kind(value: Any) -> str:
    names = {bool: "true or false", str: "text", dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(value), "a number")


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{cut(text, _LONGEST)} is too large a number")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return data
