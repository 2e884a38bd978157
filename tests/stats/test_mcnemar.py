"""McNemar's one-sided tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from pytest_mlops.stats import mcnemar


@pytest.mark.parametrize(
    ("fewer", "more", "p_value"),
    [
        (59, 121, 4.434449e-06),
        (86, 150, 3.716136e-05),
        (3, 5, 0.7265625),
        (1, 10, 0.01171875),
        (25, 40, 0.08168),
    ],
)
def test_doubled_p_values_are_the_published_exact_ones_less_half_an_outcome(
    fewer: int, more: int, p_value: float
) -> None:
    exact = float(mcnemar.mid_p(fewer, more)) + binom.pmf(fewer, fewer + more, 0.5) / 2
    assert 2 * exact == pytest.approx(p_value, rel=1e-4)


def test_mid_p_of_25_against_40() -> None:
    assert float(mcnemar.mid_p(25, 40)) == pytest.approx(0.03201, abs=5e-6)


@given(st.integers(0, 500), st.integers(0, 500))
@settings(max_examples=100, deadline=None)
def test_p_values_are_those_of_scipy(gained: int, lost: int) -> None:
    mid = float(mcnemar.mid_p(gained, lost))
    n = gained + lost
    if n == 0:
        assert mid == 1
        return
    exact = binomtest(gained, n, alternative="less").pvalue
    assert mid == pytest.approx(exact - binom.pmf(gained, n, 0.5) / 2, rel=1e-7)


def test_many_pairs_of_counts_at_once() -> None:
    gained, lost = np.array([0, 0, 7]), np.array([0, 4, 0])
    assert mcnemar.mid_p(gained, lost) == pytest.approx([1, 1 / 32, 1 - 1 / 256])


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        mcnemar.mid_p([3, -1], [2, 2])
