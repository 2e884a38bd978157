"""Student's t for the mean of paired per-example differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.normal import standard_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PairedMean", "paired_mean"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedMean:
    """Mean difference, candidate minus baseline, oriented so that higher is better.

    Attributes:
        mean: The mean.
        stderr: Its standard error, 0 where all differences are the same.
        n: Examples, at least 2.
    """

    mean: float
    stderr: float
    n: int

    def lower(self, confidence: float) -> float:
        """Return the one-sided lower bound mean - t·stderr with n - 1 degrees of freedom."""
        from scipy.special import stdtrit  # noqa: PLC0415 -- costs 0.2 s

        return self.mean - float(stdtrit(self.n - 1, confidence)) * self.stderr

    def upper(self, confidence: float) -> float:
        """Return the one-sided upper bound."""
        from scipy.special import stdtrit  # noqa: PLC0415 -- as above

        return self.mean + float(stdtrit(self.n - 1, confidence)) * self.stderr

    def p_below(self, value: float = 0.0) -> float:
        """Return the p value of H0: mean ≥ ``value``, small where the mean lies below it."""
        if self.stderr == 0:
            return 0.0 if self.mean < value else 1.0
        from scipy.special import stdtr  # noqa: PLC0415 -- as above

        return float(stdtr(self.n - 1, (self.mean - value) / self.stderr))


def paired_mean(differences: NDArray[np.float64]) -> PairedMean:
    """Return the mean of ``differences`` (n ≥ 2,) for inference.

    Raises:
        ValueError: There are fewer than two differences, or one is not finite.
    """
    stderr = standard_error(differences) if np.isfinite(differences).all() else None
    if stderr is None:
        raise ValueError(f"got {differences.size} differences, expected two or more, all of them finite")
    # The spread of equal numbers is a rounding error, not 0.
    same = bool(differences.min() == differences.max())
    return PairedMean(mean=float(differences.mean()), stderr=0.0 if same else stderr, n=differences.size)
