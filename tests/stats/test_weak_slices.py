"""Weak slices: the planted one is found, and chance finds little."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlops.stats.weak_slices import weak_slices


def sliced(rng: np.random.Generator, n: int = 4000, parts: int = 20) -> dict[str, np.ndarray]:
    place = rng.integers(0, parts, n)
    return {str(part): place == part for part in range(parts)}


def test_a_planted_weakness_is_found_first() -> None:
    rng = np.random.default_rng(1)
    slices = sliced(rng)
    right = (rng.random(4000) < np.where(slices["7"], 0.7, 0.9)).astype(float)
    found = weak_slices(right, slices)
    assert found[0].name == "7"
    assert found[0].n == slices["7"].sum()
    assert found[0].mean == pytest.approx(right[slices["7"]].mean())
    assert found[0].rest == pytest.approx(right[~slices["7"]].mean())


def test_where_nothing_is_weak_chance_finds_something_in_few_searches() -> None:
    rng = np.random.default_rng(2)
    searches = 400
    hits = sum(
        bool(weak_slices((rng.random(4000) < 0.9).astype(float), sliced(rng))) for _ in range(searches)
    )
    assert hits / searches <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / searches)


def test_an_intersection_is_found_where_pairs_are_looked_at() -> None:
    rng = np.random.default_rng(3)
    young, city = rng.random(8000) < 0.3, rng.random(8000) < 0.5
    right = (rng.random(8000) < np.where(young & city, 0.6, 0.9)).astype(float)
    found = weak_slices(right, {"young": young, "city": city}, pairs=True)
    assert found[0].name == "young and city"
    assert all(" and " not in one.name for one in weak_slices(right, {"young": young, "city": city}))


def test_a_pair_no_weaker_than_one_of_its_slices_is_not_named() -> None:
    rng = np.random.default_rng(4)
    young, city = rng.random(8000) < 0.3, rng.random(8000) < 0.5
    right = (rng.random(8000) < np.where(young, 0.6, 0.9)).astype(float)
    found = weak_slices(right, {"young": young, "city": city}, pairs=True)
    assert [one.name for one in found] == ["young"]


def test_a_slice_inside_another_makes_no_pair() -> None:
    scores = np.r_[np.zeros(50), np.ones(150)]
    inner, outer = np.arange(200) < 50, np.arange(200) < 100
    assert {one.name for one in weak_slices(scores, {"inner": inner, "outer": outer}, pairs=True)} == {
        "inner",
        "outer",
    }


def test_small_slices_and_small_rests_are_not_looked_at() -> None:
    scores = np.r_[np.zeros(29), np.ones(171)]
    small = np.arange(200) < 29
    assert weak_slices(scores, {"small": small, "rest": ~small}) == []
    assert weak_slices(scores, {"small": small}, min_n=29)[0].q == 0
