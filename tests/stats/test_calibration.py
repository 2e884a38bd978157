"""Expected calibration error and its distribution under perfect calibration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlops.stats import calibration as module
from pytest_mlops.stats.calibration import Bin, calibration


def test_the_error_is_the_weighted_gap_of_the_bins() -> None:
    p, event = np.array([0.1, 0.3, 0.6, 0.9]), np.array([False, True, True, True])
    found = calibration(event, p, seed=1, bins=2)
    assert found.bins == (
        Bin(count=2, probability=0.2, observed=0.5),
        Bin(count=2, probability=0.75, observed=1.0),
    )
    assert found.ece == pytest.approx((0.3 + 0.25) / 2)
    assert found.excess == pytest.approx(found.ece - found.null_mean)


@given(st.integers(1, 80), st.sampled_from([1, 4, 15]), st.sampled_from([3, 1000]), st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_ties_share_a_bin_and_order_changes_nothing(n: int, bins: int, levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.integers(0, levels + 1, n) / levels
    event, rows = rng.random(n) < p, rng.permutation(n)
    found = calibration(event, p, seed=1, bins=bins, replicates=9)
    assert calibration(event[rows], p[rows], seed=1, bins=bins, replicates=9) == found
    assert sum(each.count for each in found.bins) == n
    assert len(found.bins) <= bins


def test_bins_without_ties_have_the_same_mass() -> None:
    rng = np.random.default_rng(0)
    found = calibration(rng.random(100) < 0.5, rng.random(100), seed=1, bins=15, replicates=9)
    assert {each.count for each in found.bins} == {6, 7}


@pytest.mark.parametrize("n", [300, 1500, 6000])
def test_a_perfect_model_has_the_error_of_its_size(n: int) -> None:
    p = np.sort(np.random.default_rng(n).random(n))
    found = calibration(p > 0.5, p, seed=1)
    # The gap of a bin is close to normal, with variance sum p(1 - p); its mean size is sqrt(2/pi) deviations.
    deviation = np.sqrt(np.add.reduceat(p * (1 - p), np.arange(0, n, n // 15)))
    mean = np.sqrt(2 / np.pi) * deviation.sum() / n
    assert found.null_mean == pytest.approx(mean, rel=0.03)


def test_overconfidence_is_found() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(2000)
    event = rng.random(2000) < 0.5 + 0.7 * (p - 0.5)
    found = calibration(event, p, seed=1)
    assert found.p_value == pytest.approx(1 / 1000)
    assert found.excess > 0.03


def test_certain_and_right_is_perfect() -> None:
    p = np.array([0.0, 1.0, 1.0])
    found = calibration(p > 0.5, p, seed=1)
    assert (found.ece, found.null_mean, found.p_value) == (0, 0, 1)


def test_certain_and_wrong_is_as_far_off_as_can_be() -> None:
    found = calibration(np.zeros(50, dtype=bool), np.ones(50), seed=1)
    assert (found.ece, found.p_value) == (1, 1 / 1000)


def test_the_seed_decides_the_null_and_chunks_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    p = rng.random(100)
    event = rng.random(100) < p
    first, other = calibration(event, p, seed=1), calibration(event, p, seed=2)
    assert first.ece == other.ece
    assert first.null_mean != other.null_mean
    monkeypatch.setattr(module, "_CHUNK", 350)
    assert calibration(event, p, seed=1) == first


@pytest.mark.parametrize("probability", [[], [0.2, 1.1], [-0.1], [np.nan]])
def test_what_is_no_probability_is_refused(probability: list[float]) -> None:
    p = np.array(probability, dtype=np.float64)
    with pytest.raises(ValueError, match=r"all in 0\.\.1"):
        calibration(np.zeros(p.size, dtype=bool), p, seed=1)


@pytest.mark.slow
def test_perfect_models_are_failed_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(5)
    failed = fixed = 0
    for seed in range(600):
        p = rng.random(1000)
        found = calibration(rng.random(1000) < p, p, seed=seed, replicates=199)
        failed += found.p_value <= 0.05
        fixed += found.ece > 0.025  # a threshold that knows nothing of n
    assert failed / 600 == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 600))
    assert fixed / 600 > 0.5
