"""Case hashes: equal inputs have equal ones however they are stored, and changed inputs have others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics import input_hashes as cases
from pytest_mlops.metrics.input_hashes import hash_inputs


def digest(value: Any) -> int:
    """Return the hash of one example."""
    return int(hash_inputs([value], 1)[0])


def objects(*values: Any) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


NEW_YEAR = datetime(2026, 1, 1)  # noqa: DTZ001 -- without a zone, as in most data


@dataclass(frozen=True)
class Prompt:
    text: str
    tokens: int = 3


@dataclass(frozen=True)
class Question:
    text: str
    tokens: int = 3


# ---- properties ----

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.binary(max_size=5),
)
nested = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(nested, nested)
def test_hashes_are_equal_exactly_where_the_values_are(first: Any, second: Any) -> None:
    assert (digest(first) == digest(second)) == (first == second)


@given(nested)
def test_a_hash_is_that_of_the_value_wherever_it_stands(value: Any) -> None:
    alone = digest(value)
    assert hash_inputs([0, value, "x"], 3)[1] == alone
    assert hash_inputs(objects(value, value), 2).tolist() == [alone, alone]
    assert hash_inputs((value,), 1)[0] == alone


@given(st.integers(-(2**70), 2**70), st.floats(allow_nan=False))
def test_an_integer_and_a_float_hash_alike_exactly_where_they_are_equal(whole: int, real: float) -> None:
    assert (digest(whole) == digest(real)) == (whole == real)
    if not math.isinf(float(whole)):
        assert (digest(whole) == digest(float(whole))) == (whole == float(whole))


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**53, 2**53 + 1, -(2**63)]), min_size=1))
def test_arrays_of_int64_hash_as_their_items_do(values: list[int]) -> None:
    assert hash_inputs(np.array(values, dtype=np.int64), len(values)).tolist() == [*map(digest, values)]


@given(st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([2**63, 2**63 + 1, 2**64 - 1]), min_size=1))
def test_arrays_of_uint64_hash_as_their_items_do(values: list[int]) -> None:
    assert hash_inputs(np.array(values, dtype=np.uint64), len(values)).tolist() == [*map(digest, values)]


@given(st.lists(st.floats(), min_size=1))
def test_arrays_of_floats_hash_as_their_items_do(values: list[float]) -> None:
    assert hash_inputs(np.array(values), len(values)).tolist() == [*map(digest, values)]


@given(st.lists(st.lists(st.integers(-9, 9) | st.integers(2**53, 2**54), max_size=6), min_size=1, max_size=4))
def test_sequences_of_any_lengths_hash_as_lists_tuples_and_arrays_alike(rows: list[list[int]]) -> None:
    expected = [*map(digest, rows)]
    assert hash_inputs(objects(*map(np.array, rows)), len(rows)).tolist() == expected
    assert hash_inputs([tuple(row) for row in rows], len(rows)).tolist() == expected
    assert hash_inputs([objects(*row) for row in rows], len(rows)).tolist() == expected


@given(st.integers(1, 4), st.integers(0, 3), st.integers(0, 3), st.sampled_from(["i1", "<u8", ">f4", "?"]))
def test_arrays_of_every_shape_hash_as_lists_of_lists(n: int, height: int, width: int, dtype: str) -> None:
    array = np.arange(n * height * width).reshape(n, height, width).astype(dtype)
    assert hash_inputs(array, n).tolist() == hash_inputs(array.tolist(), n).tolist()
    assert hash_inputs(np.asfortranarray(array), n).tolist() == hash_inputs(array, n).tolist()


# ---- what must differ ----

DIFFERENT: dict[str, tuple[Any, Any]] = {
    "neighbours beyond 53 bits": (np.int64(2**53), np.int64(2**53 + 1)),
    "neighbours at the end of uint64": (np.uint64(2**64 - 1), np.uint64(2**64 - 2)),
    "an integer and the float next to it": (2**53 + 1, float(2**53)),
    "a negative and the same bits": (-1, 2**64 - 1),
    "neighbours beyond all floats": (10**400, 10**400 + 1),
    "beyond all floats and infinity": (10**400, math.inf),
    "text and number": ("1", 1),
    "text and bytes": ("a", b"a"),
    "text and path": ("a", PurePosixPath("a")),
    "nothing and NaN": (None, math.nan),
    "nothing and no text": (None, ""),
    "nothing and its name": (None, "None"),
    "one value and a list of it": (1, [1]),
    "nested otherwise": ([[1, 2], [3]], [[1], [2, 3]]),
    "joined otherwise": (["ab", "c"], ["a", "bc"]),
    "another shape": (np.zeros((2, 3)), np.zeros((3, 2))),
    "no items in other shapes": (np.zeros((0, 2)), np.zeros((1, 0))),
    "another key": ({"a": 1}, {"b": 1}),
    "keys and values swapped": ({"a": "b"}, {"b": "a"}),
    "a set and its list": ({1, 2}, [1, 2]),
    "moment and number": (np.datetime64(5, "D"), 5),
    "moment and duration": (np.datetime64(5, "D"), np.timedelta64(5, "D")),
    "the next nanosecond": (np.datetime64("2026-01-01", "ns"), np.datetime64("2026-01-01", "ns") + 1),
    "a moment and none": (np.datetime64("2026-01-01"), pd.NaT),
    "a local and a world time": (NEW_YEAR, NEW_YEAR.replace(tzinfo=UTC)),
    "times of day": (time(1, 2), time(1, 3)),
    "a real and a complex number": (1, 1 + 0j),
    "fractions": (Fraction(1, 3), Fraction(1, 3) + Fraction(1, 10**30)),
    "a decimal and the float next to it": (Decimal("0.1"), 0.1),
    "long doubles": (np.longdouble(1), np.longdouble(1) + np.finfo(np.longdouble).eps),
    "dataclasses": (Prompt("a"), Prompt("a", 4)),
    "classes of the same fields": (Prompt("a"), Question("a")),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_has_another_hash(name: str) -> None:
    first, second = DIFFERENT[name]
    assert digest(first) != digest(second)
    assert digest([0, first]) != digest([0, second])
    assert hash_inputs(objects(first), 1)[0] != hash_inputs(objects(second), 1)[0]


def test_a_change_in_the_middle_of_long_token_sequences_shows() -> None:
    """NumPy shows arrays of more than a thousand values in short, with the first and last three of them."""
    rows = [np.arange(size) for size in (1500, 2000, 3000)]
    before = hash_inputs(objects(*rows), 3)
    rows[1][1000] += 1
    assert (hash_inputs(objects(*rows), 3) != before).tolist() == [False, True, False]
    assert digest({"tokens": rows[1]}) != digest({"tokens": rows[1] + (np.arange(2000) == 999)})


def test_neighbours_beyond_53_bits_differ_in_a_column_of_a_frame() -> None:
    def frame(whole: Any) -> pd.DataFrame:
        return pd.DataFrame({"key": whole, "x": [0.5, 1.5]})

    low, high = [2**53, 0], [2**53 + 1, 0]
    assert (hash_inputs(frame(low), 2) != hash_inputs(frame(high), 2)).tolist() == [True, False]
    gaps = [pd.array([value, None], dtype="Int64") for value in (2**53, 2**53 + 1)]
    assert hash_inputs(frame(gaps[0]), 2)[0] != hash_inputs(frame(gaps[1]), 2)[0]


def test_neighbours_beyond_53_bits_differ_in_lists_that_numpy_makes_floats_of() -> None:
    assert digest([2**53 + 1, 0.5]) != digest([2**53, 0.5])
    assert digest([2**63 + 1, -1]) != digest([2**63, -1])


# ---- what must be equal ----

ALIKE: dict[str, tuple[Any, ...]] = {
    "one": (1, 1.0, True, np.int8(1), np.uint64(1), np.float16(1), np.bool_(1), Decimal(1), Fraction(1)),
    "0.5": (0.5, np.float32(0.5), np.longdouble(0.5), Decimal("0.5"), Fraction(1, 2)),
    "zeros": (0.0, -0.0, 0, np.float32(-0.0)),
    "NaN": (math.nan, -math.nan, np.float32(np.nan), Decimal("nan")),
    "beyond 64 bits": (2**70, 2.0**70, Decimal(2**70)),
    "beyond 64 bits and no float": (2**70 + 1, Decimal(2**70 + 1), Fraction(2**70 + 1)),
    "beyond all floats": (10**400, Decimal(10**400), Fraction(10**400)),
    "infinity": (math.inf, np.float32(np.inf), Decimal("inf")),
    "gaps": (None, pd.NA),
    "texts": ("ä", np.str_("ä")),
    "bytes": (b"\x00a", bytearray(b"\x00a"), np.bytes_(b"\x00a")),
    "paths": (PurePosixPath("a/b"), Path("a") / "b"),
    "sequences": ([1, 2], (1, 2), np.array([1, 2]), np.array([1.0, 2.0]), pd.Series([1, 2])),
    "mappings": ({"a": 1, "b": [2]}, {"b": np.array([2]), "a": 1.0}),
    "sets": ({3, 1, 2}, frozenset([2, 3, 1])),
    "complex": (1 + 2j, np.complex64(1 + 2j)),
    "moments": (
        np.datetime64("2026-01-01", "D"),
        np.datetime64("2026-01-01", "ns"),
        np.datetime64("2026", "Y"),
        NEW_YEAR,
        date(2026, 1, 1),
        pd.Timestamp("2026-01-01"),
    ),
    "moments before 1970": (np.datetime64("1969-12-31T23:59:59", "s"), pd.Timestamp("1969-12-31 23:59:59")),
    "no moment": (pd.NaT, np.datetime64("NaT"), np.datetime64("NaT", "s")),
    "world times": (
        datetime(2026, 1, 1, 12, tzinfo=UTC),
        datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1))),
        pd.Timestamp("2026-01-01 12:00", tz="UTC"),
    ),
    "durations": (np.timedelta64(36, "h"), timedelta(days=1.5), pd.Timedelta("36h")),
    "frames": (pd.DataFrame({"a": [1], "b": [2]}), np.array([[1, 2]]), [[1, 2]]),
}


@pytest.mark.parametrize("name", ALIKE)
def test_what_is_equal_has_one_hash_however_it_is_stored(name: str) -> None:
    first, *others = ALIKE[name]
    assert {digest(other) for other in others} == {digest(first)}


def test_a_frame_hashes_as_its_rows() -> None:
    frame = pd.DataFrame({"a": [1, 2], "t": ["x", None], "when": pd.to_datetime(["2026-01-01", None])})
    rows = [[1, "x", NEW_YEAR], [2, math.nan, pd.NaT]]
    assert hash_inputs(frame, 2).tolist() == hash_inputs(rows, 2).tolist()
    assert hash_inputs(frame["a"], 2).tolist() == [digest(1), digest(2)]
    twins = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert hash_inputs(twins, 1).tolist() == hash_inputs([[1, 2]], 1).tolist()


def test_frames_of_other_libraries_are_read_by_their_columns() -> None:
    class Frame(dict[str, Any]):
        columns = property(list)

        def __len__(self) -> int:
            return 2

    frame = Frame(a=np.array([1, 2]), b=np.array(["x", "y"]))
    assert hash_inputs(frame, 2).tolist() == hash_inputs([[1, "x"], [2, "y"]], 2).tolist()


def test_a_structured_array_hashes_as_its_rows() -> None:
    array = np.array([(1, "x", [2, 3]), (4, "y", [5, 6])], dtype=[("a", "i4"), ("b", "U1"), ("c", "i8", 2)])
    expected = hash_inputs([[1, "x", [2, 3]], [4, "y", [5, 6]]], 2).tolist()
    assert hash_inputs(array, 2).tolist() == expected
    assert hash_inputs(list(array), 2).tolist() == expected


def test_hashes_do_not_depend_on_how_many_rows_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(60).reshape(20, 3)
    whole = hash_inputs(array, 20).tolist()
    monkeypatch.setattr(cases, "BLOCK", 7)
    assert hash_inputs(array, 20).tolist() == whole
    assert len(set(whole)) == 20


# ---- what is refused ----


class Plain:
    pass


class Shown:
    def __repr__(self) -> str:
        return "Shown(…)"


def endless() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ([Plain()], "inputs contains values of type Plain; expected numbers, text, bytes"),
        ([Shown()], "inputs contains values of type Shown"),
        ([SimpleNamespace(a=1)], "inputs contains values of type SimpleNamespace"),
        ([[{"a": object()}]], "inputs contains values of type object"),
        ([Prompt], "inputs contains values of type type"),
        (np.array([Plain()], dtype=object), "inputs contains values of type Plain"),
        (pd.Series(pd.period_range("2026", periods=1, freq="D")), "inputs contains values of type Period"),
        (3, "inputs has type int; expected one row per example"),
        (Plain(), "inputs has type Plain; expected one row per example"),
        ([1, 2], "inputs has length 2 and y_true has length 1"),
        (pd.DataFrame(index=[0]), "inputs has no column"),
        (np.ma.masked_equal([1], 1), "inputs has masked entries"),
        ([np.ma.masked_equal([1], 1)], "inputs has masked entries"),
        (np.array([1], dtype="m8[M]"), r"expected units from days to nanoseconds, .* .astype\('m8\[ns\]'\)"),
        ([np.datetime64(7, "as")], "expected units from days to nanoseconds"),
        (endless(), "nested too deeply"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(inputs: object, sentence: str) -> None:
    with pytest.raises(RecordingError, match=sentence):
        hash_inputs(inputs, 1)


def test_a_sparse_matrix_is_refused_with_what_to_do() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    for inputs in (sparse.csr_matrix([[1, 0]]), [sparse.csr_matrix([[1, 0]])]):
        with pytest.raises(RecordingError, match="toarray"):
            hash_inputs(inputs, 1)
