"""The log of the incomplete beta function, where it is small and where it is smaller than any double."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import betainc, gammaln, logsumexp

from pytest_mlops.stats.incomplete_beta import log_betainc


def binomial_tail(k: int, n: int, share: float) -> float:
    """Return log P(X ≥ k) for X binomial, term by term."""
    j = np.arange(k, n + 1)
    terms = gammaln(n + 1) - gammaln(j + 1) - gammaln(n - j + 1) + j * np.log(share)
    return float(logsumexp(terms + (n - j) * np.log1p(-share)))


def test_it_is_the_log_where_the_function_is_large() -> None:
    assert float(log_betainc(3.0, 40.0, 0.1)) == pytest.approx(math.log(betainc(3.0, 40.0, 0.1)), rel=1e-13)


@pytest.mark.parametrize(
    ("k", "n", "share"), [(900, 1000, 0.2), (5000, 5000, 0.3), (3000, 9000, 0.05), (400, 401, 0.1)]
)
def test_it_is_the_binomial_tail_where_the_function_underflows(k: int, n: int, share: float) -> None:
    assert betainc(k, n - k + 1, share) < 1e-280
    assert float(log_betainc(k, n - k + 1, share)) == pytest.approx(binomial_tail(k, n, share), rel=1e-11)


def test_arguments_broadcast_over_both_regimes() -> None:
    found = log_betainc([2.0, 4000.0], 1.0, 0.3)
    assert found == pytest.approx([2 * math.log(0.3), 4000 * math.log(0.3)], rel=1e-12)
