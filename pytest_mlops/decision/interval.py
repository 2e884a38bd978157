"""Intervals of measurements, from the basis that the record holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.records.measurement import Binomial, Normal
from pytest_mlops.stats import binomial, normal

if TYPE_CHECKING:
    from pytest_mlops.records.measurement import Measurement, OrderStatistics

__all__ = ["Interval", "interval_of", "mde_of", "needed_n"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A lower and an upper bound, each one-sided at the level asked for."""

    lower: float
    upper: float


def interval_of(measurement: Measurement, confidence: float) -> Interval | None:
    """Return the bounds at one-sided ``confidence``; ``None`` where the basis gives none."""
    basis, value = measurement.basis, measurement.value
    if basis is None or value is None:
        return None
    if isinstance(basis, Binomial):
        return Interval(
            lower=binomial.lower_bound(basis.successes, basis.trials, confidence),
            upper=binomial.upper_bound(basis.successes, basis.trials, confidence),
        )
    if isinstance(basis, Normal):
        return Interval(
            lower=normal.lower_bound(value, basis.stderr, confidence),
            upper=normal.upper_bound(value, basis.stderr, confidence),
        )
    return _order_statistics(basis, confidence)


def _order_statistics(basis: OrderStatistics, confidence: float) -> Interval | None:
    """Take the nearest stored level that is at least as strict as the one asked for."""
    levels = sorted((float(level), level) for level in basis.lower.keys() & basis.upper.keys())
    for number, name in levels:
        if number >= confidence:
            return Interval(lower=basis.lower[name], upper=basis.upper[name])
    return None


def mde_of(measurement: Measurement, threshold: float) -> float | None:
    """Return the smallest shortfall from ``threshold`` that is seen with 80 % power at 5 % error."""
    basis = measurement.basis
    if isinstance(basis, Binomial):
        return binomial.mde(min(1.0, max(0.0, threshold)), basis.trials)
    return normal.mde(basis.stderr) if isinstance(basis, Normal) else None


def needed_n(measurement: Measurement, threshold: float, confidence: float) -> int | None:
    """Return the n at which the bound clears ``threshold`` if the estimate stays; ``None``: at no n."""
    basis, value = measurement.basis, measurement.value
    if isinstance(basis, Binomial) and 0 <= threshold <= 1:
        return binomial.needed_n(basis.successes / basis.trials, threshold, confidence)
    if isinstance(basis, Normal) and value is not None and measurement.n:
        return normal.needed_n(basis.stderr, measurement.n, value, threshold, confidence)
    return None
