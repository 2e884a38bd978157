"""The mean of paired differences: Student's t, adjusted for skewness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.normal import standard_error
from pytest_mlops.stats.skew_adjusted import SkewAdjusted, third_moment

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ROUNDING", "PairedMean", "paired_mean"]

ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""Relative difference up to which numbers are equal except for rounding errors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedMean:
    """Mean of paired differences, candidate minus baseline.

    Attributes:
        mean: The mean.
        stderr: Its standard error; 0 if all differences are equal.
        n: Number of examples, at least 2.
        skewness: Skewness of the differences; 0 if all are equal.
    """

    mean: float
    stderr: float
    n: int
    skewness: float = 0.0

    @property
    def variance(self) -> float:
        """Variance of one difference."""
        return self.stderr * self.stderr * self.n

    def lower(self, confidence: float) -> float:
        """Return the one-sided lower bound, with n - 1 degrees of freedom."""
        return self._adjusted().lower(confidence)

    def upper(self, confidence: float) -> float:
        """Return the one-sided upper bound."""
        return self._adjusted().upper(confidence)

    def p_below(self, value: float = 0.0) -> float:
        """Return the p value of H0: mean ≥ ``value``."""
        return self._adjusted().p_below(value)

    def _adjusted(self) -> SkewAdjusted:
        return SkewAdjusted(
            value=self.mean,
            stderr=self.stderr,
            skewness=self.skewness / math.sqrt(self.n),
            freedom=self.n - 1,
        )


def paired_mean(differences: NDArray[np.float64], *, magnitude: float = 0.0) -> PairedMean:
    """Return the mean of paired differences for inference.

    Args:
        differences: Candidate minus baseline (n,), n ≥ 2.
        magnitude: Largest magnitude of the subtracted numbers; differences within their rounding error are
            equal.

    Raises:
        ValueError: there are fewer than two differences, or one is not finite.
    """
    stderr = standard_error(differences) if np.isfinite(differences).all() else None
    if stderr is None:
        raise ValueError(f"got {differences.size} differences; expected at least two, all finite")
    mean, n = float(differences.mean()), differences.size
    # The standard deviation of equal numbers may be a rounding error instead of 0.
    size = max(magnitude, float(np.abs(differences).max()))
    if float(np.ptp(differences)) <= ROUNDING * size:
        return PairedMean(mean=mean, stderr=0.0, n=n)
    deviation = stderr * math.sqrt(n - 1)
    skewness = third_moment((differences - mean) / deviation) if deviation > 0 else 0.0
    return PairedMean(mean=mean, stderr=stderr, n=n, skewness=skewness)
