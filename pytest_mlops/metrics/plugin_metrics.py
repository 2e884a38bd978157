"""Metrics defined by plugins: measured overall and per slice, and compared by bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.influence import UNKNOWN_INFLUENCE, jackknife_influence
from pytest_mlops.metrics.paired_delta import FEW, PairedDelta, replicates_delta, undefined_delta
from pytest_mlops.metrics.slicing import by_slice
from pytest_mlops.names import ALL
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.row_bootstrap import bootstrap_statistic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_mlops.metrics.pairing import Pairing
    from pytest_mlops.metrics.predictions import Predictions

    Array = NDArray[Any]

__all__ = [
    "MetricFunction",
    "compare_plugin_metric",
    "measure_plugin_metrics",
]


MetricFunction = Callable[[Any, Any], "float | Estimate"]
"""A metric of true and predicted values (n,), which returns a number or an estimate."""


def measure_plugin_metrics(
    found: Predictions, metrics: Mapping[str, MetricFunction]
) -> tuple[tuple[str, str, Estimate], ...]:
    """Measure metrics of plugins on validated predictions.

    Args:
        found: The predictions.
        metrics: Metric name -> function.

    Returns:
        (metric, slice, estimate), every metric for ``all`` and for each slice.

    Raises:
        RecordingError: a name is that of a standard metric, or a function raised or returned no number.
    """
    taken = sorted({name for name, _, _ in found.numbers} & set(metrics))
    if taken:
        raise RecordingError(f"a plugin defines the metric {taken[0]!r}, which is a standard one; rename it")
    true, predicted = found.arrays["y_true"], found.arrays["y_pred"]

    def measure(mask: NDArray[np.bool_]) -> dict[str, Estimate]:
        return {
            name: _estimate(name, function, true[mask], predicted[mask]) for name, function in metrics.items()
        }

    masks = {ALL: np.ones(found.n, dtype=np.bool_)}
    masks |= {name: found.arrays[f"slice:{name}"] for name in found.slice_sizes if name != ALL}
    return by_slice(measure, masks)


def _estimate(name: str, function: MetricFunction, true: NDArray[Any], predicted: NDArray[Any]) -> Estimate:
    try:
        value = function(true, predicted)
    except Exception as error:
        raise RecordingError(f"the metric {name!r} raised {type(error).__name__}: {error}") from error
    if isinstance(value, Estimate):
        return _checked(name, value)
    is_number = hasattr(value, "__float__") and getattr(value, "ndim", 0) == 0 and not isinstance(value, bool)
    if not is_number:
        raise RecordingError(
            f"the metric {name!r} returned {value!r:.60} ({type(value).__name__}); "
            "expected a number or an Estimate"
        )
    number = float(value)
    if not math.isfinite(number):
        return Estimate(n=len(true), undefined=f"the metric returned {number}")
    return Estimate(value=number, n=len(true))


def _checked(name: str, estimate: Estimate) -> Estimate:
    """Refuse an estimate with NaN, infinite or negative parts."""
    numbers = [estimate.value, estimate.stderr, *estimate.lower.values(), *estimate.upper.values()]
    finite = all(number is None or math.isfinite(number) for number in numbers)
    if not finite or estimate.n < 0 or (estimate.stderr or 0) < 0:
        raise RecordingError(
            f"the metric {name!r} returned {estimate}; expected finite numbers, n and stderr of at least 0"
        )
    return estimate


ROWS_DRAWN = 20_000_000
"""Budget of examples × replicates per difference."""
REPLICATES = (200, 2_000)
"""Minimum and maximum; each costs two calls of the metric."""


def compare_plugin_metric(
    name: str,
    function: MetricFunction,
    pairing: Pairing,
    part: str,
    *,
    confidence: float,
    required: int,
    seed: int,
) -> PairedDelta:
    """Compare a metric on one slice by the paired bootstrap of examples.

    Args:
        name: Name of the metric.
        function: The metric.
        pairing: The paired examples.
        part: Name of the slice, ``all`` for all examples.
        confidence: One-sided confidence level of each bound.
        required: Number of replicates that the p values of the whole family need; with fewer, normal bounds
            are used.
        seed: Seed of the bootstrap.

    Raises:
        RecordingError: the metric raised on the original examples.
    """
    mask = np.ones(pairing.n, dtype=np.bool_) if part == ALL else pairing.slices[part]
    true, ours, theirs = pairing.true[mask], pairing.candidate[mask], pairing.baseline[mask]
    if true.size < 2:
        return undefined_delta(name, part, true.size, FEW)
    values = _value(name, function, true, ours), _value(name, function, true, theirs)
    if not all(map(math.isfinite, values)):
        return undefined_delta(name, part, true.size, "the metric is undefined on these examples")

    def measure(predicted: Array, rows: NDArray[np.intp]) -> float:
        return _quietly(function, true[rows], predicted[rows])

    def change(rows: NDArray[np.intp]) -> float:
        return measure(ours, rows) - measure(theirs, rows)

    influence = max(
        jackknife_influence(partial(measure, model), true.size, seed=seed) for model in (ours, theirs)
    )
    if influence == 0:
        return undefined_delta(name, part, true.size, UNKNOWN_INFLUENCE)
    fewest, most = REPLICATES
    drawn = bootstrap_statistic(
        change, true.size, seed=seed, replicates=min(most, max(fewest, ROWS_DRAWN // true.size))
    )
    return replicates_delta(
        name,
        part,
        true.size,
        values,
        drawn,
        support=true.size,
        required=required,
        confidence=confidence,
        influence=influence,
        resampled="examples",
    )


def _value(name: str, function: MetricFunction, true: Array, predicted: Array) -> float:
    try:
        return _number(function(true, predicted))
    except Exception as error:
        raise RecordingError(f"the metric {name!r} raised {type(error).__name__}: {error}") from error


def _quietly(function: MetricFunction, true: Array, predicted: Array) -> float:
    """Return the metric of resampled examples; NaN if it raises."""
    try:
        return _number(function(true, predicted))
    except Exception:  # noqa: BLE001 -- an undefined replicate counts against PASS
        return math.nan


def _number(value: float | Estimate) -> float:
    if isinstance(value, Estimate):
        return math.nan if value.value is None else value.value
    return float(value)
