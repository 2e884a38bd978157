"""Metrics that plugins define, computed overall and per slice like the standard ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.names import ALL
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.slices import by_slice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_mlops.metrics.predictions import Predictions

__all__ = ["MetricFunction", "measure_extra"]

MetricFunction = Callable[[Any, Any], "float | Estimate"]
"""A metric: true and predicted values of shape (n,) in, a number or an estimate out."""


def measure_extra(
    found: Predictions, metrics: Mapping[str, MetricFunction]
) -> tuple[tuple[str, str, Estimate], ...]:
    """Compute further metrics on predictions that were measured.

    Args:
        found: The predictions, checked.
        metrics: Name -> function.

    Returns:
        (metric, slice, estimate), every metric for ``all`` and for each slice.

    Raises:
        RecordingError: a name that the standard metrics use, or a function that raised or gave no number.
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
            f"the metric {name!r} gave {value!r:.60} ({type(value).__name__}); "
            "expected a number or an Estimate"
        )
    number = float(value)
    if not math.isfinite(number):
        return Estimate(n=len(true), undefined=f"the metric gave {number}")
    return Estimate(value=number, n=len(true))


def _checked(name: str, estimate: Estimate) -> Estimate:
    """Refuse an estimate whose parts no record can hold."""
    numbers = [estimate.value, estimate.stderr, *estimate.lower.values(), *estimate.upper.values()]
    finite = all(number is None or math.isfinite(number) for number in numbers)
    if not finite or estimate.n < 0 or (estimate.stderr or 0) < 0:
        raise RecordingError(
            f"the metric {name!r} gave {estimate}; expected finite numbers, n and stderr at least 0"
        )
    return estimate
