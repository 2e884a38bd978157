"""Mistakes that only several entries together show."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlops.config.checks import cross_mistakes
from pytest_mlops.text import render_path


def found(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(render_path(mistake.key_path), mistake.message) for mistake in cross_mistakes(data)]


def waiver(**subject: str) -> dict[str, str]:
    return {"scope": "*", "reason": "r", "approver": "m", "expires": "2020-01-01", **subject}


def test_a_cell_declared_by_two_requirements_is_named_once() -> None:
    data = {
        "requirements": [
            {"capability": "ranking", "slices": ["all", "young"]},
            {"capability": "calibration"},
            {"capability": "ranking"},
        ]
    }
    assert found(data) == [
        ("requirements[2]", "declares the cell ranking:all that requirements[0] declares already; remove one")
    ]


def test_every_cell_declared_again_is_listed() -> None:
    slices = {"capability": "ranking", "slices": ["all", "young"]}
    assert found({"requirements": [slices, slices]}) == [
        (
            "requirements[1]",
            "declares the cells ranking:all, ranking:young that requirements[0] declares already; remove one",
        )
    ]


def test_one_capability_on_two_data_sets_is_two_cells() -> None:
    data = [
        {"capability": "a", "datasets": ["x"]},
        {"capability": "a", "datasets": ["y"]},
        {"capability": "a"},
    ]
    assert found({"requirements": data}) == []


@pytest.mark.parametrize("field", ["slices", "datasets"])
def test_an_entry_standing_twice_in_one_requirement_is_a_mistake(field: str) -> None:
    data = {"requirements": [{"capability": "a", field: ["x", "y", "x"]}]}
    assert found(data) == [(f"requirements[0].{field}[2]", '"x" is in this list already; remove one')]


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"requirements": [{"capability": " "}]}, "requirements[0].capability"),
        ({"requirements": [{"capability": "a", "slices": ["all", "\t "]}]}, "requirements[0].slices[1]"),
        ({"requirements": [{"capability": "a", "datasets": [" "]}]}, "requirements[0].datasets[0]"),
        ({"rules": [{"metric": "a", "min": 0, "slice": "  "}]}, "rules[0].slice"),
        ({"rules": [{"metric": " ", "min": 0}]}, "rules[0].metric"),
        ({"rules": [{"metric": "a", "id": " ", "min": 0}]}, "rules[0].id"),
        ({"rules": [{"metric": "a", "dataset": " ", "min": 0}]}, "rules[0].dataset"),
    ],
)
def test_a_name_of_white_space_is_a_mistake(data: dict[str, Any], path: str) -> None:
    assert found(data) == [(path, "is nothing but white space; give it a name")]


def test_two_rules_of_one_name_are_a_mistake() -> None:
    data = {
        "rules": [
            {"metric": "a", "min": 0},
            {"metric": "a", "slice": "x", "min": 0},
            {"metric": "a", "max": 1},
        ]
    }
    assert found(data) == [("rules[2]", "has the name a, as rules[0] has; give one of them an id of its own")]


def test_an_id_tells_two_rules_apart() -> None:
    assert found({"rules": [{"metric": "a", "min": 0}, {"metric": "a", "max": 1, "id": "ceiling"}]}) == []


def test_a_waiver_of_a_rule_that_does_not_exist_names_the_nearest() -> None:
    data = {"rules": [{"metric": "recall", "min": 0}], "waivers": [waiver(rule="recal")]}
    assert found(data) == [("waivers[0].rule", '"recal" is not the name of a rule; did you mean "recall"?')]


def test_a_waiver_far_from_every_rule_lists_them() -> None:
    data = {"rules": [{"metric": "mae", "max": 1}], "waivers": [waiver(rule="latency")]}
    assert found(data) == [("waivers[0].rule", '"latency" is not the name of a rule; rules here: mae')]


def test_a_waiver_of_a_rule_where_there_are_none_says_so() -> None:
    data = {"waivers": [waiver(rule="latency")]}
    assert found(data) == [("waivers[0].rule", '"latency" is not the name of a rule; rules here: none')]


def test_waivers_of_existing_rules_and_of_tests_are_fine_even_expired() -> None:
    rules = [{"metric": "recall", "slice": "young", "min": 0}]
    assert found({"rules": rules, "waivers": [waiver(rule="recall[young]"), waiver(test="x::y")]}) == []


@pytest.mark.parametrize("rules", [[{"metric": "recall"}], "recall"])
def test_waivers_are_not_matched_while_a_rule_is_itself_wrong(rules: object) -> None:
    assert found({"rules": rules, "waivers": [waiver(rule="recall-id")]}) == []


def test_entries_wrong_by_themselves_are_left_out() -> None:
    data = {"requirements": [{"capability": 3}, None], "rules": None, "waivers": {"rule": "x"}}
    assert found(data) == []
