"""Mistakes become problems in the order of the document."""

from __future__ import annotations

import pytest

from pytest_mlops.config.problems import KeyPath, Mistake, line_of, to_problems
from pytest_mlops.errors import ConfigError, Problem
from pytest_mlops.text import render_path

LINES: dict[KeyPath, int] = {
    (): 1,
    ("rules",): 2,
    ("rules", 0): 3,
    ("rules", 0, "min"): 3,
    ("rules", 0, "max"): 3,
    ("gate",): 5,
}


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((), ""),
        (("rules", 2, "min"), "rules[2].min"),
        (("quality", "metrics", "mae", "best"), "quality.metrics.mae.best"),
        (("quality", "metrics", "top 5", "best"), 'quality.metrics["top 5"].best'),
        (("a-b", "c_d", "é"), "a-b.c_d.é"),
        (("environments", ""), 'environments[""]'),
    ],
)
def test_places_are_written_for_people(place: KeyPath, text: str) -> None:
    assert render_path(place) == text


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("rules", 0, "min"), 3),
        (("rules", 0, "metric"), 3),
        (("rules", 4), 2),
        (("quality", "code"), 1),
    ],
)
def test_a_place_without_a_line_has_that_of_the_place_around_it(place: KeyPath, line: int) -> None:
    assert line_of(place, LINES) == line


def test_nothing_has_a_line_in_an_empty_document() -> None:
    assert line_of(("gate",), {}) is None


def test_problems_stand_in_document_order_also_within_one_line() -> None:
    places: list[KeyPath] = [
        ("gate",),
        ("rules", 0, "max"),
        ("rules", 0, "min"),
        ("rules", 0, "metric"),
        ("x",),
    ]
    problems = to_problems([Mistake(key_path=place, message="wrong") for place in places], LINES)
    assert [problem.path for problem in problems] == [
        "x",
        "rules[0].metric",
        "rules[0].min",
        "rules[0].max",
        "gate",
    ]
    assert [problem.line for problem in problems] == [1, 3, 3, 3, 5]


def test_a_line_of_its_own_goes_before_that_of_the_place() -> None:
    (problem,) = to_problems([Mistake(key_path=("rules",), message="twice", line=9)], LINES)
    assert problem == Problem(path="rules", message="twice", line=9)


def test_only_the_first_mistake_at_a_place_is_told() -> None:
    first, second = (Mistake(key_path=("gate",), message=message) for message in ("first", "second"))
    assert [problem.message for problem in to_problems([first, second], LINES)] == ["first"]


def test_a_config_error_lists_every_problem_with_its_line() -> None:
    problems = [Problem(path="a", message="one", line=1), Problem(path="", message="two")]
    assert str(ConfigError("mlops.yaml", problems)) == "mlops.yaml: 2 mistakes\n  a: one, line 1\n  two"
