"""Estimates as recorded measurements, and recorded measurements as estimates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_mlops.stats.estimate import Estimate

if TYPE_CHECKING:
    from pytest_mlops.records.measurement import Measurement

__all__ = ["estimate_of", "measurement_of"]


def measurement_of(name: str, estimate: Estimate, *, slice_: str, origin: str) -> dict[str, Any]:
    """Return an estimate in the JSON of a :class:`Measurement`, but for its data set and test."""
    return {
        "name": name,
        "slice": slice_,
        "value": estimate.value,
        "undefined": estimate.undefined,
        "n": estimate.n,
        "note": estimate.note,
        "origin": origin,
        "basis": _basis_of(estimate),
    }


def _basis_of(estimate: Estimate) -> dict[str, Any] | None:
    if estimate.successes is not None and estimate.trials is not None:
        return {"kind": "binomial", "successes": estimate.successes, "trials": estimate.trials}
    if estimate.stderr is not None:
        least, most = (bound if math.isfinite(bound) else None for bound in estimate.range)
        return {"kind": "normal", "stderr": estimate.stderr, "least": least, "most": most}
    if estimate.quantile is not None and estimate.lower and estimate.upper:
        bounds = {"lower": dict(estimate.lower), "upper": dict(estimate.upper)}
        return {"kind": "order_statistics", "quantile": estimate.quantile, **bounds}
    return None


def estimate_of(measurement: Measurement) -> Estimate:
    """Return the estimate that a measurement records, for its interval."""
    n = measurement.n or 0
    if measurement.value is None:
        return Estimate(n=n, undefined=measurement.undefined)
    basis = measurement.basis
    if basis is None:
        return Estimate(value=measurement.value, n=n)
    if basis.kind == "binomial":
        return Estimate(value=measurement.value, n=n, successes=basis.successes, trials=basis.trials)
    if basis.kind == "normal":
        least = -math.inf if basis.least is None else basis.least
        most = math.inf if basis.most is None else basis.most
        return Estimate(value=measurement.value, n=n, stderr=basis.stderr, range=(least, most))
    return Estimate(
        value=measurement.value, n=n, quantile=basis.quantile, lower=basis.lower, upper=basis.upper
    )
