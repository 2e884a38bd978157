"""Requests are shared out by weight."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")

from pytest_mlops.serving.gateway.traffic_split import WeightedChoice, drawn

weights = st.lists(st.floats(min_value=0.01, max_value=100), min_size=1, max_size=6)


@given(given=weights, choices=st.integers(min_value=1, max_value=400))
def test_every_name_gets_its_share_at_every_moment(given: list[float], choices: int) -> None:
    named = {str(number): weight for number, weight in enumerate(given)}
    choice, chosen = WeightedChoice(named), Counter[str]()
    for n in range(1, choices + 1):
        chosen[choice.next()] += 1
        for name, weight in named.items():
            excess = chosen[name] - n * weight / sum(given)
            # Harmonic numbers bound how far a name may fall behind among many.
            assert -(1 + math.log(len(given))) - 1e-6 < excess < 1 + 1e-6


@pytest.mark.parametrize("weight", [10.0, 1.0, 50.0, 33.3])
def test_two_names_are_never_off_by_one(weight: float) -> None:
    choice = WeightedChoice({"old": 100.0 - weight, "new": weight})
    new = 0
    for n in range(1, 5001):
        new += choice.next() == "new"
        assert abs(new - n * weight / 100) < 1


def test_ten_percent_of_a_thousand_is_a_hundred() -> None:
    choice = WeightedChoice({"old": 90.0, "new": 10.0})
    assert Counter(choice.next() for _ in range(1000)) == {"old": 900, "new": 100}


def test_a_table_that_changes_all_the_time_starves_no_name() -> None:
    choice, chosen = WeightedChoice({}), Counter[str]()
    for n in range(1000):
        choice = WeightedChoice({"old": 90.0 + n % 2, "new": 10.0 - n % 2}, before=choice)
        chosen[choice.next()] += 1
    assert abs(chosen["new"] - 95) <= 1


def test_a_name_that_was_away_makes_up_for_nothing() -> None:
    choice = WeightedChoice({"old": 50.0, "new": 50.0})
    choice.next()
    for _ in range(100):
        choice = WeightedChoice({"old": 50.0}, before=choice)
        choice.next()
    choice = WeightedChoice({"old": 50.0, "new": 50.0}, before=choice)
    assert Counter(choice.next() for _ in range(100))["new"] in {50, 51}


def test_a_weight_of_0_is_never_chosen() -> None:
    choice = WeightedChoice({"old": 1.0, "new": 0.0})
    assert {choice.next() for _ in range(100)} == {"old"}


@pytest.mark.parametrize("given", [{}, {"old": 0.0}])
def test_of_nothing_nothing_is_chosen(given: dict[str, float]) -> None:
    choice = WeightedChoice(given)
    assert not choice
    with pytest.raises(LookupError):
        choice.next()


def test_a_share_is_drawn_by_the_id_and_the_same_each_time() -> None:
    ids = [f"request-{n}" for n in range(10_000)]
    first = [drawn(each, 0.2, salt="log") for each in ids]
    assert first == [drawn(each, 0.2, salt="log") for each in ids]
    assert 1840 < sum(first) < 2160  # four sigma
    both = sum(drawn(each, 0.2, salt="log") and drawn(each, 0.2, salt="other") for each in ids)
    assert 320 < both < 480


def test_all_and_none_are_drawn_as_such() -> None:
    assert drawn("any", 1.0, salt="")
    assert not any(drawn(str(n), 0.0, salt="log") for n in range(1000))
