"""Clopper-Pearson bounds and what follows from them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from pytest_mlops.stats import binomial


@pytest.mark.parametrize(
    ("successes", "trials", "lower"),
    [
        (10, 10, 0.741134),
        (14, 14, 0.807364),
        (20, 20, 0.860892),
        (29, 29, 0.901855),
        (59, 59, 0.950492),
        (299, 299, 0.990031),
        (18, 20, 0.717381),
        (95, 100, 0.897747),
        (90, 100, 0.836282),
        (450, 500, 0.875134),
    ],
)
def test_one_sided_lower_bounds_have_their_published_values(
    successes: int, trials: int, lower: float
) -> None:
    assert binomial.lower_bound(successes, trials, 0.95) == pytest.approx(lower, abs=1e-6)


@pytest.mark.parametrize(
    ("successes", "trials", "lower", "upper"),
    [
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
        (29, 29, 0.8806, 1.0),
        (9, 10, 0.5550, 0.9975),
        (18, 20, 0.6830, 0.9877),
        (95, 100, 0.8872, 0.9836),
    ],
)
def test_two_sided_bounds_have_newcombes_values(
    successes: int, trials: int, lower: float, upper: float
) -> None:
    assert binomial.lower_bound(successes, trials, 0.975) == pytest.approx(lower, abs=5.1e-5)
    assert binomial.upper_bound(successes, trials, 0.975) == pytest.approx(upper, abs=5.1e-5)


@given(st.data(), st.integers(1, 400), st.sampled_from([0.9, 0.95, 0.975, 0.999]))
@settings(max_examples=60, deadline=None)
def test_bounds_are_those_of_scipy(data: st.DataObject, trials: int, confidence: float) -> None:
    successes = data.draw(st.integers(0, trials))
    low = binomtest(successes, trials, alternative="greater").proportion_ci(confidence, "exact").low
    high = binomtest(successes, trials, alternative="less").proportion_ci(confidence, "exact").high
    assert binomial.lower_bound(successes, trials, confidence) == pytest.approx(low, abs=1e-9)
    assert binomial.upper_bound(successes, trials, confidence) == pytest.approx(high, abs=1e-9)


def test_nothing_tried_leaves_everything_possible() -> None:
    assert (binomial.lower_bound(0, 0, 0.95), binomial.upper_bound(0, 0, 0.95)) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} successes in {trials} trials"):
        binomial.lower_bound(successes, trials, 0.95)
    with pytest.raises(ValueError, match=f"{successes} successes in {trials} trials"):
        binomial.upper_bound(successes, trials, 0.95)


@pytest.mark.parametrize(("threshold", "n"), [(0.8, 14), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995)])
def test_flawless_runs_need_the_all_pass_number(threshold: float, n: int) -> None:
    assert binomial.needed_n(1.0, threshold, 0.95) == n
    assert binomial.needed_n(0.0, 1 - threshold, 0.95) == n


@pytest.mark.parametrize(("failures", "n"), [(1, 93), (2, 124), (3, 153)])
def test_needed_n_is_that_of_the_allowed_failures(failures: int, n: int) -> None:
    share = 1 - failures / n
    assert binomial.lower_bound(n - failures, n, 0.95) >= 0.95
    assert binomial.needed_n(share, 0.95, 0.95) == pytest.approx(n, abs=1)


@given(st.integers(51, 99), st.integers(50, 98), st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=60, deadline=None)
def test_needed_n_is_the_first_whose_bound_clears_the_threshold(
    percent: int, bar: int, confidence: float
) -> None:
    from scipy.special import betaincinv

    assume(percent > bar)
    share, threshold = percent / 100, bar / 100

    def bound(n: int) -> float:
        return float(betaincinv(share * n, n - share * n + 1, 1 - confidence))

    needed = binomial.needed_n(share, threshold, confidence)
    assert needed is not None
    assert bound(needed) >= threshold - 1e-12
    assert needed == 1 or bound(needed - 1) < threshold


def test_needed_n_from_below_brings_the_upper_bound_down() -> None:
    from scipy.special import betaincinv

    needed = binomial.needed_n(0.85, 0.9, 0.95)
    assert needed is not None
    before, at = (float(betaincinv(0.85 * n + 1, 0.15 * n, 0.95)) for n in (needed - 1, needed))
    assert before > 0.9 >= at


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_no_n_decides_a_share_on_its_threshold(share: float) -> None:
    assert binomial.needed_n(share, share, 0.95) is None


def test_no_reachable_n_decides_a_share_all_but_on_its_threshold() -> None:
    assert binomial.needed_n(0.5 + 1e-9, 0.5, 0.95) is None


@pytest.mark.parametrize(("share", "threshold"), [(0.3, -1.0), (0.3, 1.5), (1.0, 0.0)])
def test_one_trial_decides_against_a_threshold_that_no_share_can_cross(
    share: float, threshold: float
) -> None:
    assert binomial.needed_n(share, threshold, 0.95) == 1


def test_mde_is_the_closed_form() -> None:
    assert binomial.mde(0.5, 100) == pytest.approx(2.4865 * 0.05, rel=1e-4)
    assert binomial.mde(1.0, 100) == 0


def test_a_perfect_share_does_not_load_scipy() -> None:
    code = (
        "import sys; from pytest_mlops.stats import binomial, quantile;"
        "binomial.lower_bound(20, 20, .95); binomial.upper_bound(0, 20, .95);"
        "binomial.needed_n(1.0, .9, .95);"
        "sys.exit('scipy.special' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("n", [1, 30, 299, 10**9])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_it_is_clopper_and_pearsons_bound_of_no_success(n: int, confidence: float) -> None:
    assert binomial.unseen_share(n, confidence) == pytest.approx(
        binomial.upper_bound(0, n, confidence), rel=1e-6
    )


def test_a_share_of_one_percent_is_ruled_out_from_299_examples_on() -> None:
    assert binomial.unseen_share(299, 0.95) <= 0.01 < binomial.unseen_share(298, 0.95)
