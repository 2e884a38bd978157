"""Upper bound of the binned calibration error, from a debiased estimate of its square.

The squared gap of each bin is estimated without bias from pairs of residuals r = y - p, as by Kumar, Liang
and Ma (NeurIPS 2019). With bin weights w the mean |gap| is at most √(Σ w·gap²) by Jensen's inequality, so an
upper bound of the latter bounds the expected calibration error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats import normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["SquaredError", "squared_error"]

_VARIANCE = 0.25
"""Maximum variance of a binary label."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SquaredError:
    """The debiased squared calibration error Σ w·gap².

    Attributes:
        value: Estimate; negative if the gaps are smaller than expected by chance.
        noise: Variance of the estimate if all gaps are 0.
        n: Number of examples.
    """

    value: float
    noise: float
    n: int

    def upper(self, confidence: float) -> float:
        """Return the one-sided upper bound of √(Σ w·gap²), at most 1.

        With u the square of the bound it solves u = value + z·√(noise + 4·¼·u/n), a score-type equation that
        uses the variance under gaps of that size, so that a lucky sample does not narrow the bound.
        """
        slope = normal.z(confidence) ** 2 * 4 * _VARIANCE / self.n
        inside = slope**2 / 4 + slope * self.value + normal.z(confidence) ** 2 * self.noise
        u = self.value + slope / 2 + math.sqrt(max(inside, 0.0))
        return min(1.0, math.sqrt(max(u, 0.0)))

    def needed_n(self, tolerance: float, confidence: float) -> int | None:
        """Return the n at which the bound would decrease to ``tolerance`` if the estimate stays the same.

        Returns:
            ``None`` if no n up to ``normal.MOST_EXAMPLES`` suffices.
        """
        room = (tolerance**2 - max(self.value, 0.0)) / normal.z(confidence)
        if room <= 0:
            return None
        # noise decreases with 1/n² and the slope with 1/n: noise·k² + slope·k = room² with k = n/needed.
        slope = 4 * _VARIANCE * tolerance**2 / self.n
        if self.noise > 0:
            share = (math.sqrt(slope**2 + 4 * self.noise * room**2) - slope) / (2 * self.noise)
        else:
            share = room**2 / slope
        needed = math.ceil(self.n / share)
        return max(1, needed) if needed <= normal.MOST_EXAMPLES else None


def squared_error(
    event: NDArray[np.bool_], probability: NDArray[np.float64], counts: Sequence[int]
) -> SquaredError:
    """Estimate the squared calibration error on given bins.

    Args:
        event: Whether the event happened (n,), n ≥ 1.
        probability: Its predicted probability (n,).
        counts: Number of examples of each bin in ascending order of ``probability``, n in total. A bin of one
            example has no pairs; its squared residual, which is biased upwards, is used instead.
    """
    order = np.argsort(probability, kind="stable")
    residual = event[order].astype(np.float64) - probability[order]
    value = noise = 0.0
    for part in np.split(residual, np.cumsum(counts)[:-1]):
        size, weight = part.size, part.size / residual.size
        if size == 1:
            value += weight * float(part[0]) ** 2
            noise += weight**2 * 2 * _VARIANCE**2
            continue
        spread = float(part.var(ddof=1))
        value += weight * (float(part.mean()) ** 2 - spread / size)
        noise += weight**2 * 2 * spread**2 / (size * (size - 1))
    return SquaredError(value=value, noise=noise, n=residual.size)
