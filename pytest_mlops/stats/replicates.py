"""Bootstrap replicates of one statistic with their percentile bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Replicates"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Replicates:
    """An estimate with its bootstrap replicates.

    A replicate with an undefined statistic, such as F1 without positives, is treated conservatively: it
    counts as the smallest value in a lower bound, and as the largest value in an upper bound or a p value.

    Attributes:
        estimate: The statistic of the data; NaN if undefined.
        values: The defined replicates, sorted (B - undefined,).
        undefined: Number of undefined replicates.
        least: Smallest possible value of the statistic.
        largest: Largest possible value of the statistic.
    """

    estimate: float
    values: NDArray[np.float64]
    undefined: int = 0
    least: float = -math.inf
    largest: float = math.inf

    @classmethod
    def of(
        cls,
        estimate: float,
        values: NDArray[np.float64],
        *,
        least: float = -math.inf,
        largest: float = math.inf,
    ) -> Replicates:
        """Create replicates from ``values`` (B,), in which NaN and ±inf are undefined."""
        defined = np.sort(values[np.isfinite(values)])
        undefined = values.size - defined.size
        return cls(estimate=estimate, values=defined, undefined=undefined, least=least, largest=largest)

    @property
    def size(self) -> int:
        """Number of replicates B."""
        return self.values.size + self.undefined

    @property
    def bias(self) -> float:
        """Mean of the defined replicates minus the estimate; NaN without any."""
        return float(self.values.mean()) - self.estimate if self.values.size else math.nan

    @property
    def stderr(self) -> float:
        """Standard deviation of the defined replicates; NaN for fewer than two."""
        return float(self.values.std(ddof=1)) if self.values.size > 1 else math.nan

    def suffices(self, confidence: float) -> bool:
        """Return whether there are enough replicates for bounds at ``confidence``."""
        return self._place(confidence) >= 1

    def lower(self, confidence: float) -> float:
        """Return the one-sided lower percentile bound, the replicate of rank ⌊(1 - confidence)·(B + 1)⌋.

        Raises:
            ValueError: there are too few replicates for ``confidence``.
        """
        return self._smallest(self._rank(confidence))

    def upper(self, confidence: float) -> float:
        """Return the one-sided upper percentile bound. Errors as for :meth:`lower`."""
        rank = self._rank(confidence) - self.undefined
        return float(self.values[-rank]) if rank > 0 else self.largest

    def p_below(self, value: float = 0.0) -> float:
        """Return the p value of H0: statistic ≥ ``value``.

        (1 + #{replicates ≥ value})/(B + 1), never 0 (Davison and Hinkley 1997, section 4.4): a family of K
        tests at level α needs more than K/α replicates.
        """
        below = int(np.searchsorted(self.values, value, side="left"))
        return (1 + self.size - below) / (self.size + 1)

    def _smallest(self, rank: int) -> float:
        """Return the replicate of ``rank``, with undefined replicates as the smallest."""
        return float(self.values[rank - self.undefined - 1]) if rank > self.undefined else self.least

    def _place(self, confidence: float) -> int:
        return math.floor((1 - confidence) * (self.size + 1) + 1e-9)

    def _rank(self, confidence: float) -> int:
        rank = self._place(confidence)
        if rank < 1:
            raise ValueError(
                f"got {self.size} replicates, too few for a bound at confidence {confidence:g}; draw more"
            )
        return rank
