"""The bounds of a paired share, where Tango's alone is least exact."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks._paired_outcomes import chances, outcomes
from pytest_mlops.stats import binomial, paired_share, tango


def test_with_gains_the_bounds_are_tangos() -> None:
    assert paired_share.lower_bound(3, 9, 400, 0.95) == tango.lower_bound(3, 9, 400, 0.95)
    assert paired_share.upper_bound(9, 3, 400, 0.95) == tango.upper_bound(9, 3, 400, 0.95)


def test_without_gains_the_loss_has_at_least_its_exact_binomial_bound() -> None:
    assert paired_share.lower_bound(0, 2, 602, 0.95) == -binomial.upper_bound(2, 602, 0.95)
    assert tango.lower_bound(0, 2, 602, 0.95) > -0.01 > paired_share.lower_bound(0, 2, 602, 0.95)
    assert paired_share.upper_bound(2, 0, 602, 0.95) == -paired_share.lower_bound(0, 2, 602, 0.95)


def test_models_that_never_differ_keep_tangos_bound() -> None:
    assert paired_share.lower_bound(0, 0, 268, 0.95) == tango.lower_bound(0, 0, 268, 0.95) > -0.01


@pytest.mark.parametrize("margin", [0.01, 0.02, 0.05])
def test_a_candidate_that_only_loses_keeps_the_size_at_every_n_from_500(margin: float) -> None:
    """Exact: without gains the number lost is binomial, and PASS is every number below a critical one."""
    for n in range(500, 2001):
        lost = np.arange(0, int(n * margin) + 1)
        passes = paired_share.not_below(np.zeros_like(lost), lost, n, margin, 0.95)
        assert binom.pmf(lost[passes], n, margin).sum() <= 0.05 + 1e-9


@pytest.mark.parametrize("discordance", [0.0102, 0.0105, 0.011, 0.012, 0.015])
def test_near_that_corner_the_size_is_kept_too(discordance: float) -> None:
    worst = max(chances(outcomes(n, discordance, -0.01), n, margin=0.01).passes for n in range(500, 1000, 7))
    assert worst <= 0.053


def test_arrays_give_what_their_elements_give() -> None:
    gained, lost = np.arange(3)[:, None], np.arange(9)[None, :]
    found = paired_share.not_below(gained, lost, 602, 0.01, 0.95)
    one_by_one = [[paired_share.lower_bound(b, c, 602, 0.95) > -0.01 for c in range(9)] for b in range(3)]
    assert found.tolist() == one_by_one
