"""Metrics that contradict themselves or each other, and metrics that do not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pytest_mlops.decision.consistency import comparison_contradictions, contradictions
from pytest_mlops.decision.estimates import measurement_of
from pytest_mlops.metrics.predictions import measure_predictions
from pytest_mlops.metrics.scores import measure_latencies
from pytest_mlops.records.comparison import Comparison, Delta
from pytest_mlops.records.measurement import Measurement

LABELS = [i % 2 for i in range(100)]
GUESSES = [1 - label if i % 10 < 4 else label for i, label in enumerate(LABELS)]


def recorded(**changes: dict[str, Any]) -> list[Measurement]:
    """Return what 100 predictions record, 60 of them right, some metrics changed."""
    old = [i < 40 for i in range(100)]
    found = measure_predictions(LABELS, GUESSES, slices={"old": old})
    entries = [
        {**measurement_of(name, estimate, slice_=part, origin="predictions"), "test": "t"}
        for name, part, estimate in found.numbers
    ]

    def changed(entry: dict[str, Any]) -> dict[str, Any]:
        key = entry["name"] if entry["slice"] == "all" else f"{entry['name']}_{entry['slice']}"
        return entry | changes.get(key, {})

    return [Measurement.model_validate(changed(entry)) for entry in entries]


def test_what_predictions_record_is_consistent() -> None:
    assert contradictions(recorded()) == []


CHANGES: dict[str, tuple[dict[str, dict[str, Any]], str]] = {
    "a value against its counts": ({"accuracy": {"value": 0.99}}, r"0\.99, but its counts are 60 of 100"),
    "counts against the matrix": (
        {"accuracy": {"value": 0.99, "basis": {"kind": "binomial", "successes": 99, "trials": 100}}},
        "99 right answers, but the counts make 60",
    ),
    "trials against n": ({"accuracy": {"n": 60}}, "100 trials, but n = 60"),
    "n against its relatives": ({"f1": {"n": 200}}, "different n"),
    "f1 against the counts": ({"f1": {"value": 0.99}}, r"f1 is 0\.99, but the counts make"),
    "recall against precision": (
        {"recall": {"value": 1.0, "basis": {"kind": "binomial", "successes": 50, "trials": 50}}},
        "true positives, but recall has 50",
    ),
    "a slice larger than the whole": ({"f1_old": {"n": 101}}, "n = 101, but the whole has n = 100"),
    "a value without examples": ({"f1": {"n": 0}}, "n = 0"),
    "a share beyond 1": (
        {"f1": {"value": 1.2, "basis": {"kind": "normal", "stderr": 0.1}}},
        "which no predictions have",
    ),
    "a value outside its range": (
        {"f1": {"basis": {"kind": "normal", "stderr": 0.1, "least": 0.9, "most": 1.0}}},
        r"its range is 0\.9\.\.1",
    ),
    "an undefined metric with counts": (
        {"accuracy": {"value": None, "undefined": "one class only"}},
        "undefined, but has the basis",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_contradiction_is_named(name: str) -> None:
    changes, message = CHANGES[name]
    found = contradictions(recorded(**changes))
    assert found
    assert re.search(message, "\n".join(found))


def latencies(**changes: dict[str, Any]) -> list[Measurement]:
    entries = [
        {**measurement_of(name, estimate, slice_="all", origin="latencies"), "test": "t"}
        for name, estimate in measure_latencies([i / 1000 for i in range(1, 400)])
    ]
    return [Measurement.model_validate(entry | changes.get(entry["name"], {})) for entry in entries]


def test_a_quantile_lies_between_its_bounds_and_above_lower_ones() -> None:
    assert contradictions(latencies()) == []
    assert "bounds of its quantile" in contradictions(latencies(latency_p99_ms={"value": 1.0}))[0]
    low = latencies(latency_p99_ms={"value": 1.0, "basis": None})
    assert "do not increase" in contradictions(low)[0]


def test_rmse_is_the_root_of_mse() -> None:
    found = measure_predictions([1.5, 2.5, 3.0, 4.0], [1.0, 2.0, 3.5, 6.0])
    entries = [
        {**measurement_of(name, estimate, slice_=part, origin="predictions"), "test": "t"}
        for name, part, estimate in found.numbers
    ]
    measurements = [Measurement.model_validate(entry) for entry in entries]
    assert contradictions(measurements) == []
    better = [
        each.model_copy(update={"value": 0.1}) if each.name == "rmse" else each for each in measurements
    ]
    assert "but mse is" in contradictions(better)[0]


def delta(**changes: Any) -> Comparison:
    one = {"candidate": 0.6, "baseline": 0.5, "delta": 0.1, "lower": 0.05, "upper": 0.15}
    entry = {"metric": "accuracy", "n": 100, **one, "p_decrease": 0.9, "p_increase": 0.1, **changes}
    return Comparison(status="compared", paired=100, deltas=(Delta.model_validate(entry),))


def test_a_difference_is_held_against_its_parts_and_the_recorded_value() -> None:
    assert list(comparison_contradictions(None, recorded())) == []
    assert list(comparison_contradictions(delta(), recorded())) == []
    for changes, message in (
        ({"delta": 0.3}, "but 0.6 - 0.5 is 0.1"),
        ({"lower": 0.5}, "above the upper bound"),
        ({"n": 101}, "but 100 examples were paired"),
        ({"candidate": 0.9, "delta": 0.4}, "compares 0.9, but 0.6 was recorded"),
    ):
        (found,) = comparison_contradictions(delta(**changes), recorded())
        assert message in found
