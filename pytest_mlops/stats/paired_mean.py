"""The mean of paired per-example differences: Student's t, adjusted for skewness."""

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
"""Numbers that differ by no more than this share of their size are the same but for rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedMean:
    """Mean difference, candidate minus baseline, oriented so that higher is better.

    Attributes:
        mean: The mean.
        stderr: Its standard error, 0 where all differences are the same.
        n: Examples, at least 2.
        skewness: Of the differences, 0 where all are the same.
    """

    mean: float
    stderr: float
    n: int
    skewness: float = 0.0

    @property
    def variance(self) -> float:
        """Of one difference."""
        return self.stderr * self.stderr * self.n

    def lower(self, confidence: float) -> float:
        """Return the one-sided lower bound, with n - 1 degrees of freedom."""
        return self._adjusted().lower(confidence)

    def upper(self, confidence: float) -> float:
        """Return the one-sided upper bound."""
        return self._adjusted().upper(confidence)

    def p_below(self, value: float = 0.0) -> float:
        """Return the p value of H0: mean ≥ ``value``, small where the mean lies below it."""
        return self._adjusted().p_below(value)

    def _adjusted(self) -> SkewAdjusted:
        return SkewAdjusted(
            value=self.mean,
            stderr=self.stderr,
            skewness=self.skewness / math.sqrt(self.n),
            freedom=self.n - 1,
        )


def paired_mean(differences: NDArray[np.float64], *, magnitude: float = 0.0) -> PairedMean:
    """Return the mean of ``differences`` (n ≥ 2,) for inference.

    Args:
        differences: Candidate minus baseline.
        magnitude: Size of the numbers that were subtracted: what differs by their rounding error is the same.

    Raises:
        ValueError: There are fewer than two differences, or one is not finite.
    """
    stderr = standard_error(differences) if np.isfinite(differences).all() else None
    if stderr is None:
        raise ValueError(f"got {differences.size} differences, expected two or more, all of them finite")
    mean, n = float(differences.mean()), differences.size
    # The spread of equal numbers is a rounding error, not 0.
    size = max(magnitude, float(np.abs(differences).max()))
    if float(np.ptp(differences)) <= ROUNDING * size:
        return PairedMean(mean=mean, stderr=0.0, n=n)
    deviation = stderr * math.sqrt(n - 1)
    skewness = third_moment((differences - mean) / deviation) if deviation > 0 else 0.0
    return PairedMean(mean=mean, stderr=stderr, n=n, skewness=skewness)
