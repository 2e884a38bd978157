"""Values of two tables that are equal are found to be, whatever their types."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pytest_mlops.checks.base import CheckContext
from pytest_mlops.checks.leakage import Leakage
from pytest_mlops.errors import IncompleteEvidence

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
BERLIN = dt.timezone(dt.timedelta(hours=1))
DAY = dt.datetime(2026, 1, 1)  # noqa: DTZ001 -- naive on purpose


def column(*values: Any) -> np.ndarray[Any, Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def leaked(train: Any, test: Any) -> float | None:
    data = {"train": {"X": {"a": train}}, "test": {"X": {"a": test}}}
    ((_, _, share),) = Leakage(of="test", train="train").evaluate(CheckContext(fixtures=data)).measurements
    return share.value


ALIKE: dict[str, tuple[Any, Any]] = {
    "zones": (column(NOON), column(NOON.astimezone(BERLIN))),
    "pandas zones": (
        pd.Series([NOON]).dt.tz_convert("Europe/Berlin"),
        column(NOON),
    ),
    "nanoseconds": (
        pd.Series(pd.to_datetime(["2026-01-01T00:00:00.000000001Z"])),
        column(pd.Timestamp("2026-01-01T01:00:00.000000001+01:00")),
    ),
    "units": (np.array(["2026-01-01"], "M8[ns]"), np.array(["2026-01-01"], "M8[D]")),
    "far dates": (np.array(["9999-12-31"], "M8[us]"), np.array(["9999-12-31"], "M8[D]")),
    "date": (np.array([DAY], "M8[us]"), column(DAY.date())),
    "months": (np.array(["2026-01"], "M8[M]"), column(DAY)),
    "durations": (np.array([90], "m8[m]"), column(dt.timedelta(hours=1.5))),
    "pandas durations": (pd.Series([pd.Timedelta(1, "ns")]), column(pd.Timedelta(1, "ns"))),
    "decimals": (column(Decimal("0.250")), column(Decimal("0.25"))),
    "decimal and float": (column(Decimal("0.1")), np.array([0.1])),
    "decimal and integer": (column(Decimal("2.00")), np.array([2])),
    "fractions": (column(Fraction(1, 4)), np.array([0.25])),
    "periods": (
        pd.Series(pd.period_range("2026-01", periods=1, freq="M")),
        column(pd.Period("2026-01", "M")),
    ),
    "intervals": (column(pd.Interval(0, 1)), column(pd.Interval(0.0, 1.0))),
    "uuids": (column(uuid.UUID(int=7)), column(uuid.UUID(int=7))),
    "bytes": (np.array([b"ab"]), column(bytearray(b"ab"))),
    "categories": (pd.Series(["x"], dtype="category"), column("x")),
    "nested lists": (column([1, [2.0]]), column((1.0, np.array([2])))),
    "mappings": (column({"a": 1, "b": 2}), column({"b": 2.0, "a": 1})),
    "times of day": (column(dt.time(12)), column(dt.time(12, 0, 0))),
}


@pytest.mark.parametrize("pair", ALIKE.values(), ids=ALIKE)
def test_equal_values_of_other_types_are_leaked(pair: tuple[Any, Any]) -> None:
    assert leaked(*pair) == leaked(*reversed(pair)) == 1


APART: dict[str, tuple[Any, Any]] = {
    "one nanosecond": (column(pd.Timestamp(NOON) + pd.Timedelta(1, "ns")), column(NOON)),
    "far units": (np.array(["9999-12-31"], "M8[us]"), np.array(["9999-12-30"], "M8[D]")),
    "decimals": (column(Decimal("0.25")), column(Decimal("0.26"))),
    "lists": (column([1, 2]), column([2, 1])),
    "bytes": (column(b"ab"), column(b"ba")),
}


@pytest.mark.parametrize("pair", APART.values(), ids=APART)
def test_other_values_are_not_leaked(pair: tuple[Any, Any]) -> None:
    assert leaked(*pair) == 0


REFUSED: dict[str, tuple[Any, Any]] = {
    "naive and aware times": (column(NOON), column(NOON.replace(tzinfo=None))),
    "text and time": (column("2026-01-01"), column(DAY)),
    "text and uuid": (column(str(uuid.UUID(int=7))), column(uuid.UUID(int=7))),
    "text in the test data only": (column(1, 2), column(1, "2")),
    "periods of other lengths": (column(pd.Period("2026-01", "M")), column(pd.Period("2026-01-01", "D"))),
    "time and integer": (np.array(["2026-01-01"], "M8[D]"), np.array([1])),
    "objects": (column(object()), column(object())),
    "years": (np.array([1], "m8[Y]"), column(dt.timedelta(365))),
}


@pytest.mark.parametrize("pair", REFUSED.values(), ids=REFUSED)
def test_values_that_cannot_be_compared_are_incomplete(pair: tuple[Any, Any]) -> None:
    with pytest.raises(IncompleteEvidence, match="the column a"):
        leaked(*pair)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_times_with_a_zone_keep_it_in_other_libraries(library: str) -> None:
    found = pytest.importorskip(library)
    times = [NOON.astimezone(BERLIN), None]
    if library == "polars":
        series = found.Series(times, dtype=found.Datetime("us", "Europe/Berlin"))
        table = found.DataFrame({"a": series})
    else:
        table = found.table({"a": found.array(times, found.timestamp("us", "Europe/Berlin"))})
    data = {"train": {"X": pd.DataFrame({"a": [NOON, pd.NaT]})}, "test": {"X": table}}
    found = Leakage(of="test", train="train").evaluate(CheckContext(fixtures=data))
    assert found.measurements[0][2].value == 1


def test_ids_may_be_times() -> None:
    data = {"train": {"ids": column(NOON)}, "test": {"ids": pd.Series([NOON])}}
    found = Leakage(of="test", train="train", by="ids").evaluate(CheckContext(fixtures=data))
    assert found.measurements[0][2].value == 1
