"""Smallest detectable difference and needed n, checked against exact power."""

from __future__ import annotations

import pytest

from benchmarks._paired_outcomes import chances, outcomes
from pytest_mlops.stats import mcnemar, normal, power


@pytest.mark.parametrize(
    ("n", "points"), [(500, 3.17), (1000, 2.24), (2000, 1.58), (5000, 1.00), (10000, 0.71)]
)
def test_detectable_difference_at_one_percent_and_discordance_five_percent(n: int, points: float) -> None:
    assert 100 * power.mde(0.05, n, alpha=0.01) == pytest.approx(points, abs=0.005)


@pytest.mark.parametrize(("variance", "n"), [(0.02, 1237), (0.05, 3092), (0.1, 6183), (2 * 0.9 * 0.1, 11129)])
def test_n_needed_for_one_point(variance: float, n: int) -> None:
    assert power.needed_n(variance, 0.01) == n


def test_default_constant_is_that_of_the_normal_module() -> None:
    assert power.mde(0.3, 70) == pytest.approx(normal.mde((0.3 / 70) ** 0.5))


def test_needed_n_and_detectable_difference_are_inverse() -> None:
    n = power.needed_n(0.08, 0.013, alpha=0.02, power=0.9)
    assert n is not None
    assert power.mde(0.08, n, alpha=0.02, power=0.9) <= 0.013
    assert power.mde(0.08, n - 1, alpha=0.02, power=0.9) > 0.013


def test_a_true_loss_takes_room_from_the_margin() -> None:
    assert power.needed_n(0.05, 0.02, difference=-0.01) == power.needed_n(0.05, 0.01)
    assert power.needed_n(0.05, 0.01, difference=-0.01) is None
    assert power.needed_n(0.05, 1e-9) is None


def test_models_that_never_differ_need_one_example() -> None:
    assert power.needed_n(0.0, 0.01) == 1


@pytest.mark.parametrize("n", [500, 1000, 2000, 5000])
def test_power_to_detect_the_stated_difference_is_eighty_percent(n: int) -> None:
    found = outcomes(n, 0.05, -power.mde(0.05, n))
    detected = mcnemar.mid_p(found.gained, found.lost) <= 0.05
    assert float(found.probability[detected].sum()) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(("discordance", "margin"), [(0.02, 0.01), (0.05, 0.01), (0.1, 0.02), (0.1, 0.03)])
def test_power_to_pass_at_the_needed_n_is_eighty_percent(discordance: float, margin: float) -> None:
    n = power.needed_n(discordance, margin)
    assert n is not None
    assert chances(outcomes(n, discordance, 0.0), n, margin=margin).passes == pytest.approx(0.8, abs=0.05)
