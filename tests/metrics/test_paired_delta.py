"""Bounds of paired means, areas and resampled metrics: few examples prove little, whatever the unit."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
from pydantic import ValidationError

from pytest_mlops.metrics.influence import UNKNOWN_INFLUENCE
from pytest_mlops.metrics.paired import compare_classification, compare_regression, compare_values
from pytest_mlops.metrics.paired_delta import (
    TOO_LARGE,
    PairedDelta,
    area_delta,
    mean_delta,
    replicates_delta,
)
from pytest_mlops.records.comparison import Delta
from pytest_mlops.stats.replicates import Replicates

LEFT_30 = 1 - 0.05 ** (1 / 30)
ERRORS = ("mae", "mse", "rmse", "r2", "mean_error")


def regression(n: int, *, unit: float = 1.0, shift: float = 0.0) -> dict[str, PairedDelta]:
    """Compare a model with itself, or with itself and something added."""
    rng = np.random.default_rng(n)
    true = rng.normal(size=n)
    baseline = true + rng.normal(size=n)
    found = compare_regression(true * unit, (baseline + shift) * unit, baseline * unit, slices={})
    return {delta.metric: delta for delta in found}


def lower(delta: PairedDelta) -> float:
    assert delta.lower is not None
    return delta.lower


def upper(delta: PairedDelta) -> float:
    assert delta.upper is not None
    return delta.upper


def test_identical_scores_leave_open_what_0_of_n_leave_possible() -> None:
    scores = np.random.default_rng(1).random(30)
    (found,) = compare_values("ndcg", scores, scores, slices={})
    reach = LEFT_30 * float(scores.max())
    assert (found.lower, found.upper) == pytest.approx((-reach, reach))
    assert (found.delta, found.p_decrease, found.p_increase) == (0, 1, 1)


@pytest.mark.parametrize(("n", "passes"), [(267, False), (299, True)])
def test_identical_scores_up_to_1_need_as_many_examples_as_right_and_wrong_ones(n: int, passes: bool) -> None:
    scores = np.linspace(0, 1, n)
    (found,) = compare_values("ndcg", scores, scores, slices={})
    assert (lower(found) >= -0.01) is passes


@pytest.mark.parametrize("metric", ERRORS)
def test_identical_values_pass_no_margin_at_once_and_any_in_the_end(metric: str) -> None:
    for n, widest in ((30, math.inf), (3000, 0.05)):
        found = regression(n)[metric]
        assert 0 < upper(found) == -lower(found) < widest


@pytest.mark.parametrize("metric", ERRORS)
def test_a_change_of_unit_changes_bounds_by_the_unit_and_nothing_else(metric: str) -> None:
    power = {"mse": 2, "r2": 0}.get(metric, 1)
    for shift in (0.0, 0.25):
        small, large = (regression(40, unit=unit, shift=shift)[metric] for unit in (1e-4, 1e5))
        assert lower(large) == pytest.approx(lower(small) * 1e9**power)
        assert upper(large) == pytest.approx(upper(small) * 1e9**power)
        assert large.p_decrease == pytest.approx(small.p_decrease)


def test_the_bound_of_a_root_is_that_of_its_square() -> None:
    found = regression(30)
    mse, rmse = found["mse"], found["rmse"]
    assert rmse.candidate is not None
    assert rmse.candidate + upper(rmse) == pytest.approx(math.sqrt(rmse.candidate**2 + upper(mse)))


@pytest.mark.parametrize("metric", ERRORS)
def test_two_models_without_any_error_are_not_certain_to_have_none(metric: str) -> None:
    true = np.random.default_rng(2).normal(size=30)
    found = {delta.metric: delta for delta in compare_regression(true, true, true, slices={})}[metric]
    assert lower(found) < -0.05


def test_numbers_that_are_all_0_tell_nothing_of_what_an_error_could_be() -> None:
    zeros = np.zeros(30)
    found = {delta.metric: delta for delta in compare_regression(zeros, zeros, zeros, slices={})}
    assert found["mae"].undefined == found["rmse"].undefined == UNKNOWN_INFLUENCE


def test_constant_truth_that_both_models_hit_leaves_its_size_to_go_by() -> None:
    fives = np.full(30, 5.0)
    found = {delta.metric: delta for delta in compare_regression(fives, fives, fives, slices={})}
    assert upper(found["mae"]) == pytest.approx(5 * LEFT_30)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_constant_shift_has_no_variance(offset: float) -> None:
    rng = np.random.default_rng(3)
    true = rng.random(30) + offset
    baseline = true + 1 + rng.random(30)
    found = {delta.metric: delta for delta in compare_regression(true, baseline + 0.1, baseline, slices={})}
    assert found["mae"].delta == pytest.approx(0.1, rel=1e-6)
    assert (found["mae"].variance, found["mean_error"].variance) == (0, 0)


def test_brier_scores_go_by_what_a_wholly_wrong_probability_costs() -> None:
    true = np.array([0, 1] * 15)
    scores = np.where(true == 1, 0.9, 0.1)
    found = compare_classification(true, true, true, scores=(scores, scores), slices={}, seed=1)
    by_metric = {delta.metric: delta for delta in found}
    assert lower(by_metric["brier"]) == pytest.approx(-LEFT_30)
    assert lower(by_metric["log_loss"]) == pytest.approx(LEFT_30 * math.log(0.9))


@pytest.mark.parametrize("size", [1e155, 1e200, 1e308])
def test_numbers_too_large_to_compute_with_are_undefined(size: float) -> None:
    rng = np.random.default_rng(4)
    true, ours, theirs = (size * (rng.random(30) - 0.5) for _ in range(3))
    for delta in compare_regression(true, ours, theirs, slices={}):
        Delta.model_validate(asdict(delta))
        assert delta.undefined in {None, TOO_LARGE, "y_true is constant"}


def test_a_record_refuses_bounds_without_end() -> None:
    with pytest.raises(ValidationError):
        Delta(
            metric="m",
            n=30,
            candidate=1,
            baseline=1,
            delta=0,
            lower=-math.inf,
            upper=1,
            p_decrease=1,
            p_increase=1,
        )


def rare_losses(n: int, *, sets: int = 2000, seen: bool = True) -> float:
    """Return how often a candidate passes whose true loss is the margin 0.01: 1 % of examples lose 1."""
    rng = np.random.default_rng(6)
    passed = 0
    for _ in range(sets):
        change = np.where(rng.random(n) < 0.01, -1.0, 0.0)
        weight = 1.0 if seen else 1e-3
        values = float(change.mean()), 0.0
        passed += lower(mean_delta("m", "all", values, change, 0.95, influence=weight)) >= -0.01
    return passed / sets


@pytest.mark.parametrize("n", [30, 100, 200, 300, 500])
def test_rare_losses_no_larger_than_a_value_at_hand_pass_at_the_nominal_rate(n: int) -> None:
    assert rare_losses(n) <= 0.065


@pytest.mark.parametrize("n", [300, 500])
def test_rare_losses_larger_than_any_value_pass_at_the_nominal_rate_once_a_sample_holds_them(n: int) -> None:
    assert rare_losses(n, seen=False) <= 0.065


def areas(m: int, n: int, seed: int) -> PairedDelta:
    """Compare two areas of 0.99 and 0.89."""
    rng = np.random.default_rng(seed)
    positive = np.arange(n) < m
    ours, theirs = (rng.normal(size=n) + apart * positive for apart in (1.7346, 3.29))
    return area_delta("all", positive, ours, theirs, 0.95)


def test_an_area_rests_on_the_examples_of_the_smaller_class() -> None:
    assert (areas(12, 400, 1).n, areas(388, 400, 1).n) == (12, 12)


@pytest.mark.parametrize(("m", "most"), [(2, 0.0), (10, 0.05), (30, 0.05), (100, 0.065)])
def test_an_area_that_lost_the_whole_margin_passes_at_the_nominal_rate_however_few_positives(
    m: int, most: float
) -> None:
    found = [areas(m, 1000, seed) for seed in range(600)]
    assert np.mean([each.delta for each in found]) == pytest.approx(-0.1, abs=0.01)
    assert np.mean([lower(each) >= -0.1 for each in found]) <= most


@pytest.mark.parametrize("seed", range(5))
def test_bounds_of_an_area_are_no_nearer_than_delongs_with_students_t(seed: int) -> None:
    found = areas(150, 1000, seed)
    assert found.delta is not None
    assert found.variance is not None
    half = 1.6551445337952994 * math.sqrt(found.variance / 150)
    assert lower(found) <= found.delta - half
    assert upper(found) >= found.delta + half
    assert lower(found) > found.delta - 1.5 * half


def test_two_models_that_rank_alike_leave_open_what_0_of_the_smaller_class_leave_possible() -> None:
    rng = np.random.default_rng(7)
    positive, scores = np.arange(400) < 30, rng.random(400)
    found = area_delta("all", positive, scores, np.exp(scores), 0.95)
    assert (found.lower, found.upper) == pytest.approx((-LEFT_30, LEFT_30))
    assert (found.delta, found.p_decrease) == (0, 1)


def test_one_positive_makes_no_area_to_compare() -> None:
    scores = np.arange(9.0)
    for other in (scores, scores[::-1]):
        found = area_delta("all", scores == 3, scores, other, 0.95)
        assert (found.n, found.undefined) == (1, "only one example of a class")


def resampled(drawn: Replicates, *, confidence: float = 0.95, required: int = 10_000) -> PairedDelta:
    return replicates_delta(
        "m",
        "all",
        60,
        (1.0, 1.0),
        drawn,
        support=1e6,
        required=required,
        confidence=confidence,
        resampled="examples",
    )


@pytest.mark.parametrize(
    ("size", "confidence"), [(200, 0.999), (10_000, 0.99995), (10_000, 1 - 1e-6), (200, 0.9975)]
)
def test_too_few_replicates_for_a_confidence_get_normal_bounds(size: int, confidence: float) -> None:
    values = np.random.default_rng(8).normal(size=size)
    found = resampled(Replicates.of(0.0, values), confidence=confidence)
    assert found.method == f"normal, bootstrap of examples, {size:,} replicates"
    assert -6 < lower(found) < -2.5
    alike = resampled(Replicates.of(0.0, np.zeros(size)), confidence=confidence)
    assert -1e-4 < lower(alike) < 0


def test_enough_replicates_for_the_family_and_the_confidence_get_percentiles() -> None:
    values = np.random.default_rng(8).normal(size=10_000)
    assert resampled(Replicates.of(0.0, values)).method == "bootstrap of examples, 10,000 replicates"


@pytest.mark.parametrize(("missing", "confidence"), [(100, 0.95), (1999, 0.95), (2000, 0.95), (1, 0.9999)])
def test_a_bound_that_undefined_resamples_leave_unknown_is_no_bound(missing: int, confidence: float) -> None:
    values = np.random.default_rng(9).normal(size=2000)
    values[:missing] = math.nan
    found = resampled(Replicates.of(0.0, values), confidence=confidence)
    assert found.undefined == (
        f"the metric is undefined in {missing:,} of 2,000 resamples, so there is no bound"
    )
    assert found.lower is None


def test_few_undefined_resamples_widen_the_bounds() -> None:
    values = np.random.default_rng(9).normal(size=2000)
    full = resampled(Replicates.of(0.0, values), required=100)
    values[np.argsort(values)[1000:1050]] = math.nan
    found = resampled(Replicates.of(0.0, values), required=100)
    assert lower(found) < lower(full)
    assert upper(found) > upper(full)


def test_replicates_too_large_to_compute_with_are_undefined() -> None:
    values = np.random.default_rng(9).normal(size=2000) * 1e300
    assert resampled(Replicates.of(0.0, values)).undefined == TOO_LARGE
