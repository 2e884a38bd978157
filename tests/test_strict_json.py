"""JSON values are held against one another exactly, numbers within a tolerance."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlops.errors import SerializationError
from pytest_mlops.strict_json import differences, parse_json, within

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def differ(got: Any, expected: Any, tolerance: float = 0.0) -> tuple[str, ...]:
    return differences(got, expected, close=within(tolerance))


@settings(deadline=None)
@given(values)
def test_value_is_the_same_as_itself_after_a_round_trip(value: Any) -> None:
    assert differ(parse_json(json.dumps(value)), value) == ()


@settings(deadline=None)
@given(values, values)
def test_difference_goes_both_ways(left: Any, right: Any) -> None:
    assert bool(differ(left, right)) is bool(differ(right, left))


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(-2, 2), st.floats(0, 1))
def test_number_may_be_apart_by_the_tolerance(expected: float, apart: float, tolerance: float) -> None:
    allowed = tolerance * max(1.0, abs(expected))
    got = expected + apart * allowed
    off = abs(got - expected) - allowed
    if abs(off) > 1e-9 * max(1.0, abs(expected)):
        assert bool(differ(got, expected, tolerance)) is (off > 0)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, 1.0),
        (0.0, -0.0),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (10**400, 10**400),
        ([[], {}, None], [[], {}, None]),
    ],
)
def test_same(got: Any, expected: Any) -> None:
    assert differ(got, expected) == ()


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        (True, 1, "the answer is true or false, expected a number"),
        (1, True, "the answer is a number, expected true or false"),
        ("1", 1, "the answer is text, expected a number"),
        (None, {}, "the answer is null, expected an object"),
        ([], {}, "the answer is a list, expected an object"),
        ("a", "b", "the answer is 'a', expected 'b'"),
        ([1, 2], [1], "the answer has 2 entries, expected 1"),
        ([1, 2], [1, 3], "the answer[1] is 2, expected 3"),
        ({}, {"y": 1}, "the answer.y is missing"),
        ({"y": 1}, {}, "the answer.y is there, and was not expected"),
        ({"y": [{"z": 1}]}, {"y": [{"z": 2}]}, "the answer.y[0].z is 1, expected 2"),
        (math.nan, math.nan, "the answer is nan, expected nan"),
        (math.inf, math.inf, "the answer is inf, expected inf"),
        (2**53, 2**53 + 1, f"the answer is {2**53}, expected {2**53 + 1}"),
        (10**400, 1.5, "the answer is a very long number, expected 1.5"),
        ({"\x1b[2J\ud800": 1}, {}, r"the answer['\x1b[2J\ud800'] is there, and was not expected"),
    ],
)
def test_difference_is_named(got: Any, expected: Any, words: str) -> None:
    assert differ(got, expected) == (words,)


def test_infinite_answer_is_none_however_large_the_tolerance() -> None:
    assert differ(math.inf, 1e308, 1e300) != ()


def test_long_texts_are_cut() -> None:
    (sentence,) = differ("x" * 10_000, "y" * 10_000)
    assert len(sentence) < 200


def test_at_most_twenty_differences_are_named() -> None:
    assert len(differ([0] * 1000, [1] * 1000)) == 20


def test_deep_nesting_is_a_difference_and_no_crash() -> None:
    deep = parse_json("[" * 500 + "]" * 500)
    assert "nested more than 200 deep" in differ(deep, deep)[0]


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "[Infinity]", "-Infinity", "1e999", '{"a": 1, "a": 2}', b"\xff\xfe\xff", "[" * 100_000],
)
def test_text_that_is_no_strict_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(SerializationError, match="not valid JSON"):
        parse_json(text)


def test_number_of_too_many_digits_is_refused() -> None:
    with pytest.raises(SerializationError):
        parse_json("1" * 5000)
