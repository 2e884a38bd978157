"""Means of per-example scores; latencies."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.scores import measure_latencies, measure_scores


def test_latencies_are_in_milliseconds() -> None:
    found = dict(measure_latencies(np.arange(1, 1001) / 1000))
    assert {name: estimate.value for name, estimate in found.items()} == pytest.approx(
        {"latency_mean_ms": 500.5, "latency_p50_ms": 500, "latency_p95_ms": 950, "latency_p99_ms": 990}
    )
    assert found["latency_p99_ms"].upper["0.95"] == pytest.approx(996)
    assert found["latency_p99_ms"].lower["0.95"] == pytest.approx(985)
    assert found["latency_p99_ms"].quantile == 0.99
    assert found["latency_mean_ms"].stderr == pytest.approx(
        np.std(np.arange(1, 1001), ddof=1) / np.sqrt(1000)
    )


def test_few_latencies_have_quantiles_without_upper_bounds() -> None:
    found = dict(measure_latencies([0.2, 0.1]))
    assert found["latency_p99_ms"].value == 200
    assert found["latency_p99_ms"].upper == {}
    assert found["latency_p99_ms"].n == 2


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ([], "seconds is empty"),
        ([0.1, -0.2], "seconds is -0.2 at position 1; expected 0 to 1e+60: pass durations"),
        ([0.1, np.inf], "seconds has 1 NaN or infinite value, the first at position 1"),
        (["0.1"], "seconds is text; expected numbers"),
    ],
)
def test_times_that_are_none(seconds: object, message: str) -> None:
    with pytest.raises(RecordingError, match=re.escape(message)):
        measure_latencies(seconds)


def test_marks_of_zero_and_one_are_a_share() -> None:
    found = measure_scores([1, 0, 1.0, True])
    assert (found.value, found.successes, found.trials, found.stderr) == (0.75, 3, 4, None)


def test_other_scores_have_a_mean_and_its_standard_error() -> None:
    found = measure_scores([0.2, 0.4])
    assert found.value == pytest.approx(0.3)
    assert found.n == 2
    assert found.stderr == pytest.approx(0.1)
    assert measure_scores([0.2]).stderr is None


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([0.5, 1.5], "values is 1.5 at position 1; expected 0 to 1: rescale"),
        ([], "values is empty"),
        ([None], "missing"),
    ],
)
def test_scores_that_are_none(marks: object, message: str) -> None:
    with pytest.raises(RecordingError, match=re.escape(message)):
        measure_scores(marks)
