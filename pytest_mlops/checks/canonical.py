"""Values of table columns as texts that are equal exactly where the values are."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from pytest_mlops.errors import IncompleteEvidence

__all__ = ["MISSING", "canonical", "is_missing", "kind_of"]

MISSING = "?"
SECONDS = {"W": 7 * 86_400, "D": 86_400, "h": 3600, "m": 60, "s": 1}
"""Seconds per unit of ``datetime64``."""
PARTS = {"ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15, "as": 18}
"""Decimal digits after the second of the finer units."""
DIGITS = 18
"""Times are integers of attoseconds, the finest unit of NumPy."""
EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 -- naive times have an epoch of their own


def canonical(value: Any, kept: np.dtype[Any] | None) -> str:
    """Return a text that starts with the kind of the value, such as ``number:`` or ``instant:``.

    Numbers count by value, whatever their type: a ``Decimal`` equals the float of the same value. Times with
    a zone are instants; those without one are another kind. A date is its midnight. Sequences count by their
    elements.

    Args:
        value: One value.
        kept: Float type that numbers are rounded to; ``None`` if the column has no floats.

    Raises:
        IncompleteEvidence: values of this type cannot be compared.
    """
    if is_missing(value):
        return MISSING
    if isinstance(value, str):
        return f"text:{value}"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"bytes:{bytes(value).hex()}"
    if isinstance(value, uuid.UUID):
        return f"uuid:{value.int}"
    return _time(value) or _number(value, kept) or _compound(value, kept) or _refuse(value)


def kind_of(text: str) -> str:
    """Return the kind of a canonical text."""
    return text.partition(":")[0]


def is_missing(value: Any) -> bool:
    """Return whether a value is missing: None, NaN, NaT or pandas' NA."""
    # NA and NaT of pandas are recognised by name, since pandas need not be installed.
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _time(value: Any) -> str | None:
    if isinstance(value, np.datetime64 | np.timedelta64):
        kind = "time" if isinstance(value, np.datetime64) else "duration"
        return f"{kind}:{_attoseconds(value)}"
    if isinstance(value, dt.datetime):  # and the Timestamp of pandas, which has nanoseconds
        offset = value.utcoffset()
        since = value.replace(tzinfo=None, fold=0) - EPOCH - (offset or dt.timedelta())
        return f"{'time' if offset is None else 'instant'}:{_duration(since, value)}"
    if isinstance(value, dt.date):
        return f"time:{(value - EPOCH.date()).days * 86_400 * _power(DIGITS)}"
    if isinstance(value, dt.timedelta):
        return f"duration:{_duration(value, value)}"
    return _clock(value)


def _clock(value: Any) -> str | None:
    if isinstance(value, dt.time):
        return f"clock{'' if value.tzinfo is None else ' with zone'}:{value.isoformat()}"
    if type(value).__name__ == "Period" and hasattr(value, "freqstr"):
        return f"period of {value.freqstr}:{value.ordinal}"
    return None


def _duration(span: dt.timedelta, value: Any) -> int:
    microseconds = (span.days * 86_400 + span.seconds) * 10**6 + span.microseconds
    nanoseconds = getattr(value, "nanosecond", getattr(value, "nanoseconds", 0))
    # The microseconds of pandas leave its nanoseconds out.
    return microseconds * _power(DIGITS - 6) + int(nanoseconds) * _power(DIGITS - 9)


def _attoseconds(value: Any) -> int:
    unit, step = np.datetime_data(value.dtype)
    if unit in {"Y", "M"}:
        if isinstance(value, np.timedelta64):
            raise IncompleteEvidence(
                "durations in months or years have no fixed length; convert them to days"
            )
        return int(value.astype("datetime64[D]").astype(np.int64)) * 86_400 * _power(DIGITS)
    if unit == "generic":
        raise IncompleteEvidence("durations without a unit cannot be compared; convert them with .astype")
    count = int(value.astype(np.int64)) * step
    return count * (_power(DIGITS - PARTS[unit]) if unit in PARTS else SECONDS[unit] * _power(DIGITS))


def _power(digits: int) -> int:
    return int(10**digits)


def _number(value: Any, kept: np.dtype[Any] | None) -> str | None:
    if isinstance(value, complex | np.complexfloating):
        return f"complex:{complex(value)!r}"
    if not isinstance(value, int | float | np.number | np.bool_ | Decimal | Fraction):
        return None
    if isinstance(value, float | np.floating | Decimal) and not math.isfinite(value):
        return f"number:{float(value)}"
    if kept is None:
        return f"number:{Fraction(value) if isinstance(value, Decimal | Fraction) else int(value)}"
    return f"number:{_rounded(value, kept)}"


def _rounded(value: Any, kept: np.dtype[Any]) -> str:
    try:
        rounded = float(kept.type(float(value) if isinstance(value, Decimal | Fraction) else value))
    except OverflowError:  # beyond the range of float64
        return str(value)
    return str(int(rounded)) if rounded.is_integer() else repr(rounded)


def _compound(value: Any, kept: np.dtype[Any] | None) -> str | None:
    if isinstance(value, Mapping):
        parts = {str(key): canonical(part, kept) for key, part in value.items()}
        return f"mapping:{json.dumps(parts, sort_keys=True)}"
    if type(value).__name__ == "Interval" and hasattr(value, "closed"):
        ends = [canonical(value.left, kept), canonical(value.right, kept), str(value.closed)]
        return f"interval:{json.dumps(ends)}"
    if isinstance(value, set | frozenset):
        return f"set:{json.dumps(sorted(canonical(part, kept) for part in value))}"
    plain = value
    for convert in ("to_list", "tolist", "to_pylist"):
        if not isinstance(plain, list | tuple) and hasattr(plain, convert):
            plain = getattr(plain, convert)()
    if isinstance(plain, list | tuple):
        return f"sequence:{json.dumps([canonical(part, kept) for part in plain])}"
    return None


def _refuse(value: Any) -> str:
    raise IncompleteEvidence(
        f"values of type {type(value).__name__} cannot be compared, such as {value!r:.60}; convert them to"
        " text, numbers or times"
    )
