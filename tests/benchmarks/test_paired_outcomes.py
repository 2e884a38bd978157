"""Chances of the verdicts by enumeration."""

from __future__ import annotations

from itertools import product

import pytest
from scipy.stats import multinomial

from benchmarks._paired_outcomes import Chances, chances, outcomes

ROWS = [
    (0.05, 500, 0.0, 0.253, 0.009),
    (0.05, 500, -0.02, 0.004, 0.367),
    (0.05, 2000, 0.0, 0.631, 0.010),
    (0.05, 2000, -0.01, 0.049, 0.373),
    (0.05, 2000, -0.02, 0.000, 0.960),
    (0.05, 5000, 0.0, 0.933, 0.010),
    (0.05, 10000, 0.0, 0.998, 0.002),
]


@pytest.mark.parametrize(("discordance", "n", "difference", "passes", "fails"), ROWS)
def test_operating_characteristics(
    discordance: float, n: int, difference: float, passes: float, fails: float
) -> None:
    found = chances(outcomes(n, discordance, difference), n, margin=0.01)
    assert (found.passes, found.fails) == pytest.approx((passes, fails), abs=6e-4)
    assert found.passes + found.fails + found.undecided == pytest.approx(1)


def test_probabilities_are_those_of_scipy() -> None:
    found = outcomes(12, 0.4, -0.1)
    for b, c in product(range(13), range(13)):
        expected = multinomial.pmf([b, c, 12 - b - c], 12, [0.15, 0.25, 0.6]) if b + c <= 12 else 0
        assert found.probability[b, c] == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("n", "discordance", "difference"), [(3, 1.0, 0.1), (2000, 0.2, -0.2), (10**5, 0.01, 0.0)]
)
def test_next_to_nothing_is_left_out(n: int, discordance: float, difference: float) -> None:
    assert float(outcomes(n, discordance, difference).probability.sum()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("discordance", "difference"), [(0.0, 0.0), (1.1, 0.0), (0.05, 0.06), (0.05, -0.06)])
def test_impossible_pairs_are_refused(discordance: float, difference: float) -> None:
    with pytest.raises(ValueError, match="needs a discordance"):
        outcomes(100, discordance, difference)


def test_rounding_leaves_no_negative_chance() -> None:
    assert Chances(passes=0.7, fails=0.3 + 1e-15).undecided == 0


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 200, 300, 500, 750, 1000, 1500, 2000])
@pytest.mark.parametrize("discordance", [0.01, 0.02, 0.05, 0.1, 0.15, 0.2])
@pytest.mark.parametrize("margin", [0.005, 0.01, 0.02])
def test_exact_sizes_keep_their_limits(n: int, discordance: float, margin: float) -> None:
    equal = outcomes(n, discordance, 0.0)
    for alpha in (0.01, 0.05):
        assert chances(equal, n, margin=margin, alpha_block=alpha).fails <= alpha
    if discordance >= margin:
        passes = chances(outcomes(n, discordance, -margin), n, margin=margin).passes
        # A candidate that never gains leaves a binomial, on which the asymptotic bound is least exact.
        exact = n < 500 or discordance == margin
        assert passes <= (0.065 if exact else 0.053)
