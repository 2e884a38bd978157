"""Values as short text for messages."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from pytest_mlops.text import cut, describe_problems, list_some, one_line, plural, problems_of


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("is odd")
    return value


class Numbers(BaseModel):
    """What the tests below validate."""

    model_config = ConfigDict(extra="forbid")
    even: list[Annotated[int, AfterValidator(_even)]]


def refusal(data: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Numbers.model_validate(data)
    return caught.value


@given(st.text(), st.integers(1, 50))
def test_a_line_is_short_and_has_nothing_hidden_in_it(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable()
    assert line == one_line(line, limit)


def test_a_text_that_was_cut_says_so() -> None:
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"
    assert one_line("a" + " " * 100, 4) == "a…"


def test_the_direction_of_the_text_cannot_be_turned() -> None:
    assert one_line("pass\u202eliaf", 20) == "pass\ufffdliaf"


def test_white_space_of_every_kind_is_a_space() -> None:
    assert one_line(" a\r\n\tb\u2028c ", 20) == "a b c"


@given(st.text(), st.integers(1, 50))
def test_a_text_is_cut_to_its_limit(text: str, limit: int) -> None:
    shown = cut(text, limit)
    assert len(shown) <= limit
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


@pytest.mark.parametrize(
    ("items", "shown"),
    [((), ""), ("abc", "a, b, c"), ("abcd", "a, b, c and 1 more"), (range(2003), "0, 1, 2 and 2,000 more")],
)
def test_items_beyond_the_first_ones_are_counted(items: range, shown: str) -> None:
    assert list_some(items) == shown


def test_a_list_may_be_joined_otherwise() -> None:
    assert list_some("abcd", 2, separator="; ", last="; and ") == "a; b; and 2 more"


def test_a_noun_goes_with_its_number() -> None:
    assert [plural(1, "rule"), plural(2000, "rule"), plural(2, "class", "classes")] == [
        "1 rule",
        "2,000 rules",
        "2 classes",
    ]


def test_each_mistake_of_pydantic_has_its_path_and_no_input() -> None:
    found = problems_of(refusal({"even": [1, 2, "secret"]}), "numbers", 0)
    assert [(problem.path, problem.message) for problem in found] == [
        ("numbers[0].even[0]", "is odd"),
        (
            "numbers[0].even[2]",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
    ]


def test_mistakes_beyond_the_first_ones_are_counted() -> None:
    assert describe_problems(refusal({"even": [1, 3, 5, 7]}), most=1) == "even[0]: is odd and 3 more"
