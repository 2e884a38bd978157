"""Metrics of plugins compared by resampling examples: in any unit, undefined in places, never in the way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.influence import UNKNOWN_INFLUENCE
from pytest_mlops.metrics.pairing import Pairing
from pytest_mlops.metrics.plugin_metrics import compare_plugin_metric
from pytest_mlops.stats.estimate import Estimate

if TYPE_CHECKING:
    from pytest_mlops.metrics.paired_delta import PairedDelta
    from pytest_mlops.metrics.plugin_metrics import MetricFunction

N = 300
RNG = np.random.default_rng(1)
TRUE = RNG.normal(1000, 300, N)
BASELINE = TRUE + RNG.normal(0, 50, N)


def compare(
    function: MetricFunction,
    candidate: Any = BASELINE,
    *,
    true: Any = TRUE,
    baseline: Any = BASELINE,
    confidence: float = 0.95,
    part: str = "all",
) -> PairedDelta:
    pairing = Pairing(
        true=true,
        candidate=candidate,
        baseline=baseline,
        scores=None,
        slices={"one": np.arange(true.size) < 1, "some": np.arange(true.size) < 50},
    )
    return compare_plugin_metric("m", function, pairing, part, confidence=confidence, required=10_000, seed=5)


def mean_cost(true: Any, predicted: Any) -> float:
    return float(np.abs(predicted - true).mean())


def total_cost(true: Any, predicted: Any) -> float:
    return float(np.abs(predicted - true).sum())


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e6])
@pytest.mark.parametrize("cost", [mean_cost, total_cost])
def test_models_that_never_differ_leave_open_what_a_few_examples_weigh_in_any_unit(
    cost: MetricFunction, unit: float
) -> None:
    found = compare(lambda true, predicted: unit * float(cost(true, predicted)))  # type: ignore[arg-type]
    assert found.lower is not None
    assert found.candidate is not None
    assert found.delta == 0
    assert found.upper == -found.lower
    assert 0.0099 < found.upper / found.candidate < 0.05


def test_a_share_goes_by_its_scale_of_0_to_1() -> None:
    labels = np.array([0, 1, 1] * 100)
    found = compare(lambda t, p: float((t == p).mean()), labels, true=labels, baseline=labels)
    assert found.lower == pytest.approx(-(1 - 0.05 ** (1 / N)))


def test_a_metric_of_few_examples_is_as_uncertain_as_they_are_few() -> None:
    positive = np.arange(N) < 20
    predicted = positive & (np.arange(N) > 3)

    def recall(true: Any, found: Any) -> float:
        return float(found[true].mean()) if true.any() else math.nan

    found = compare(recall, predicted, true=positive, baseline=predicted)
    assert found.lower is not None
    assert found.lower < -0.1


def test_a_metric_that_is_0_for_both_tells_nothing_of_what_an_example_weighs() -> None:
    assert compare(lambda *_: 0.0).undefined == UNKNOWN_INFLUENCE


def test_a_metric_that_some_resamples_leave_undefined_has_no_bound() -> None:
    special = np.arange(N) < 2

    def among_special(true: Any, predicted: Any) -> float:
        rows = true < 0
        return float(np.abs(predicted - true)[rows].mean()) if rows.any() else math.nan

    found = compare(among_special, true=np.where(special, -TRUE, TRUE))
    assert found.undefined is not None
    assert found.undefined.endswith("of 2,000 resamples, so there is no bound")


@pytest.mark.parametrize("confidence", [0.9, 0.99, 0.999, 0.99995])
def test_no_confidence_asks_too_much_of_the_replicates(confidence: float) -> None:
    found = compare(mean_cost, BASELINE + RNG.normal(0, 5, N), confidence=confidence)
    assert found.undefined is None
    assert found.method == "normal, bootstrap of examples, 2,000 replicates"


def test_a_constant_shift_has_no_variance() -> None:
    high = TRUE + RNG.random(N)
    found = compare(mean_cost, high + 1, baseline=high)
    assert found.delta == pytest.approx(1)
    assert found.variance == 0
    assert found.p_increase == pytest.approx(0, abs=1e-3)


def test_metrics_that_are_undefined_too_few_examples_and_slices_say_so() -> None:
    assert compare(lambda *_: math.nan).undefined == "the metric is undefined on these examples"
    assert compare(lambda *_: Estimate(n=3, undefined="no")).undefined is not None
    assert compare(mean_cost, part="one").undefined == "fewer than two examples"
    assert compare(lambda t, p: Estimate(value=mean_cost(t, p), n=50), part="some").n == 50


def test_a_metric_that_raises_on_the_examples_as_they_are_is_named() -> None:
    def broken(*_: Any) -> float:
        raise KeyError("cost")

    with pytest.raises(RecordingError, match=r"the metric 'm' raised KeyError: 'cost'"):
        compare(broken)


def test_a_metric_that_raises_on_resamples_is_undefined_there() -> None:
    def picky(true: Any, predicted: Any) -> float:
        if np.unique(true).size < true.size:
            raise ValueError("examples repeat")
        return mean_cost(true, predicted)

    assert compare(picky).undefined == (
        "the metric is undefined in 2,000 of 2,000 resamples, so there is no bound"
    )
