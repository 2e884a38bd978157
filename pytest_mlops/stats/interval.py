"""Confidence bounds of an estimate, by the method that its statistics require."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.stats import binomial, normal

if TYPE_CHECKING:
    from pytest_mlops.stats.estimate import Estimate

__all__ = ["Interval", "bounds", "mde", "needed_n"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A lower and an upper bound, each one-sided at the requested level."""

    lower: float
    upper: float


def bounds(estimate: Estimate, confidence: float) -> Interval | None:
    """Return the bounds at one-sided ``confidence``; ``None`` if the estimate has no statistics for them.

    A proportion has Clopper-Pearson bounds, a quantile has order statistics, and an estimate with a standard
    error has normal bounds, clipped to its range.
    """
    if estimate.value is None:
        return None
    if estimate.successes is not None and estimate.trials is not None:
        return Interval(
            lower=binomial.lower_bound(estimate.successes, estimate.trials, confidence),
            upper=binomial.upper_bound(estimate.successes, estimate.trials, confidence),
        )
    if estimate.stderr is not None:
        least, most = estimate.range
        return Interval(
            lower=max(least, normal.lower_bound(estimate.value, estimate.stderr, confidence)),
            upper=min(most, normal.upper_bound(estimate.value, estimate.stderr, confidence)),
        )
    return _order_statistics(estimate, confidence)


def _order_statistics(estimate: Estimate, confidence: float) -> Interval | None:
    """Return the bounds at the nearest stored level that is at least the requested one."""
    levels = sorted((float(level), level) for level in estimate.lower.keys() & estimate.upper.keys())
    for number, name in levels:
        if number >= confidence:
            return Interval(lower=estimate.lower[name], upper=estimate.upper[name])
    return None


def mde(estimate: Estimate, threshold: float) -> float | None:
    """Return the smallest shortfall from ``threshold`` detected with 80 % power at the 5 % level."""
    if estimate.trials is not None:
        return binomial.mde(min(1.0, max(0.0, threshold)), estimate.trials)
    return normal.mde(estimate.stderr) if estimate.stderr is not None else None


def needed_n(estimate: Estimate, threshold: float, confidence: float) -> int | None:
    """Return the n at which the bound meets ``threshold`` if the estimate stays; ``None`` if none."""
    if estimate.successes is not None and estimate.trials is not None:
        share = estimate.successes / estimate.trials
        return binomial.needed_n(share, threshold, confidence) if 0 <= threshold <= 1 else None
    if estimate.stderr is not None and estimate.value is not None and estimate.n:
        return normal.needed_n(estimate.stderr, estimate.n, estimate.value, threshold, confidence)
    return None
