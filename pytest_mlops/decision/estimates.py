"""Measurements read back as estimates, so that their intervals can be taken."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_mlops.records.measurement import Binomial, Normal, OrderStatistics
from pytest_mlops.stats.estimate import Estimate

if TYPE_CHECKING:
    from pytest_mlops.records.measurement import Measurement

__all__ = ["estimate_of"]


def estimate_of(measurement: Measurement) -> Estimate:
    """Return the estimate that a measurement records."""
    n = measurement.n or 0
    if measurement.value is None:
        return Estimate(n=n, undefined=measurement.undefined)
    basis = measurement.basis
    if isinstance(basis, Binomial):
        return Estimate(value=measurement.value, n=n, successes=basis.successes, trials=basis.trials)
    if isinstance(basis, Normal):
        least = -math.inf if basis.least is None else basis.least
        most = math.inf if basis.most is None else basis.most
        return Estimate(value=measurement.value, n=n, stderr=basis.stderr, range=(least, most))
    if isinstance(basis, OrderStatistics):
        return Estimate(
            value=measurement.value, n=n, quantile=basis.quantile, lower=basis.lower, upper=basis.upper
        )
    return Estimate(value=measurement.value, n=n)
