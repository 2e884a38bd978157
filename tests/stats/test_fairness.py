"""Gaps between groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_mlops.stats.fairness import demographic_parity_gap, equalised_odds_gap, group_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

# (label, prediction) of two groups: TPR .9 and .6, FPR .1 and .2, selected .5 and .4
COUNTS = np.array([[[90, 10], [10, 90]], [[80, 20], [40, 60]]])


def equal_groups(groups: int, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return rng.multinomial(n, [0.4, 0.1, 0.15, 0.35], size=groups).reshape(groups, 2, 2)


def test_counts_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    group, label, pred = rng.integers(0, 3, 200), rng.random(200) < 0.5, rng.random(200) < 0.4
    counts = group_counts(group, label, pred, 4)
    assert counts.shape == (4, 2, 2)
    assert counts[1, 1, 0] == ((group == 1) & label & ~pred).sum()
    assert (counts.sum(), counts[3].sum()) == (200, 0)


def test_equalised_odds_take_the_larger_gap() -> None:
    found = equalised_odds_gap(COUNTS, seed=1)
    assert found.value == pytest.approx(0.3)
    swapped = equalised_odds_gap(COUNTS[:, ::-1, :], seed=1)
    assert swapped.value == pytest.approx(0.3)


def test_demographic_parity_compares_shares_predicted_positive() -> None:
    found = demographic_parity_gap(COUNTS, seed=1)
    assert found.value == pytest.approx(0.1)


def test_bounds_of_two_groups_are_those_of_a_difference_of_shares() -> None:
    found = demographic_parity_gap(COUNTS * 10, seed=1)
    reach = 1.645 * np.sqrt((0.5 * 0.5 + 0.4 * 0.6) / 2000)
    assert found.upper(0.95) == pytest.approx(0.1 + reach, abs=0.002)
    assert found.lower(0.95) == pytest.approx(0.1 - reach * 1.96 / 1.645, abs=0.002)


def test_the_largest_of_many_gaps_is_biased_upwards_and_says_so() -> None:
    counts = equal_groups(8, 100, np.random.default_rng(1))
    assert equalised_odds_gap(counts, seed=1).bias > 0.02
    assert abs(demographic_parity_gap(COUNTS * 1000, seed=1).bias) < 1e-3


def test_the_same_seed_gives_the_same_bounds() -> None:
    first, again, other = (equalised_odds_gap(COUNTS, seed=seed, replicates=500) for seed in (1, 1, 2))
    assert first.upper(0.95) == again.upper(0.95)
    assert not np.array_equal(first.replicates.values, other.replicates.values)


def test_a_group_without_positives_leaves_the_odds_undefined() -> None:
    counts = np.array([[[50, 50], [0, 0]], [[50, 50], [40, 60]]])
    found = equalised_odds_gap(counts, seed=1, replicates=200)
    assert np.isnan(found.value)
    assert (found.lower(0.95), found.upper(0.95)) == (0, 1)
    assert demographic_parity_gap(counts, seed=1, replicates=200).value == pytest.approx(0.05)


@pytest.mark.parametrize("counts", [COUNTS[:1], np.stack([COUNTS[0], np.zeros((2, 2), dtype=int)])])
def test_a_gap_needs_two_groups_that_have_examples(counts: NDArray[np.intp]) -> None:
    with pytest.raises(ValueError, match="at least two non-empty groups"):
        equalised_odds_gap(counts, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize(("groups", "n"), [(2, 200), (5, 100), (10, 60)])
def test_equal_groups_show_no_gap_by_their_size(groups: int, n: int) -> None:
    rng = np.random.default_rng(groups)
    runs = 400
    found = [equalised_odds_gap(equal_groups(groups, n, rng), seed=k, replicates=399) for k in range(runs)]
    slack = 3 * np.sqrt(0.05 * 0.95 / runs)
    assert np.mean([gap.lower(0.95) > 0.0 for gap in found]) <= 0.05 + slack


@pytest.mark.slow
@pytest.mark.parametrize(("groups", "n"), [(2, 400), (5, 400)])
def test_a_gap_of_the_tolerance_rarely_passes(groups: int, n: int) -> None:
    rng = np.random.default_rng(groups)
    runs, tolerance = 400, 0.1
    passed = 0
    for k in range(runs):
        counts = equal_groups(groups, n, rng)
        counts[0] = rng.multinomial(n, [0.4, 0.1, 0.2, 0.3]).reshape(2, 2)  # TPR .6 for .7
        passed += equalised_odds_gap(counts, seed=k, replicates=399).upper(0.95) <= tolerance
    assert passed / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
