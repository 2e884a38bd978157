"""Single values given to a recording call, checked with the standard library alone.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import math
import operator
from typing import Any

from pytest_mlops.errors import RecordingError

__all__ = ["MAX_NAME", "check_name", "read_finite", "read_size"]

MAX_NAME = 200
"""Characters of a metric, slice or data set name."""
MOST = 2**53
"""Up to here every whole number is a float."""


def check_name(argument: str, value: object) -> None:
    """Refuse what is no name.

    Raises:
        RecordingError: no text of 1 to ``MAX_NAME`` characters.
    """
    # Lone surrogates are no text.
    is_text = isinstance(value, str) and value.encode("utf-8", "replace").decode() == value
    if not is_text or not str(value).strip() or len(str(value)) > MAX_NAME:
        raise RecordingError(f"{argument} is {value!r:.80}; expected text of 1 to {MAX_NAME} characters")


def read_size(name: str, n: Any) -> int | None:
    """Return the number of examples of a metric, ``None`` where it was not given.

    Raises:
        RecordingError: no whole number from 1 to 2⁵³.
    """
    if n is None:
        return None
    try:
        size = operator.index(n)
    except TypeError:
        size = 0
    if isinstance(n, bool) or not 1 <= size <= MOST:
        shown = repr(n)[:40] if abs(size) <= MOST else "beyond 2**53"
        raise RecordingError(
            f"metric {name!r}: n is {shown}; expected a whole number of examples, at least 1"
        )
    return size


def read_finite(what: str, value: Any) -> float:
    """Return one finite number.

    Args:
        what: What it is, for the message.
        value: Python's number or NumPy's.

    Raises:
        RecordingError: text, a truth value, an array, no number, or none that is finite.
    """
    is_text = isinstance(value, str | bytes | bytearray)
    is_array = getattr(value, "ndim", None) not in {None, 0}
    # Asked of typing.SupportsFloat, this would be half the time of a recording call on Python 3.11.
    is_number = hasattr(value, "__float__")
    is_bool = type(value).__name__ in {"bool", "bool_"}  # NumPy's too, without NumPy
    if is_bool or is_text or is_array or not is_number:
        raise RecordingError(f"{what} is {value!r:.80} ({type(value).__name__}); expected one finite number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RecordingError(f"{what} is {number}; expected a finite number")
    return number
