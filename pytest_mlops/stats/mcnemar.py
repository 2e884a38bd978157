"""McNemar's one-sided mid-p test that the candidate is worse.

Psychometrika 12 (1947), 153-157; mid-p after Fagerland, Lydersen and Laake (BMC Medical Research Methodology
13, 2013). Where the models are equal, ``gained`` is binomial with p = 1/2 given the number of discordant
examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["mid_p"]


def mid_p(gained: ArrayLike, lost: ArrayLike) -> NDArray[np.float64]:
    """Return P(X < gained) + P(X = gained)/2 for X ~ Binomial(gained + lost, 1/2).

    1 without discordant examples.

    Args:
        gained: Number of examples that only the candidate predicts correctly, of any shape.
        lost: Number of examples that only the baseline predicts correctly, of a shape that broadcasts.

    Raises:
        ValueError: a count is negative.
    """
    b, discordant = _counts(gained, lost)
    halved = (_cdf(b, discordant) + _cdf(b - 1, discordant)) / 2
    return np.where(discordant == 0, 1.0, halved)


def _counts(gained: ArrayLike, lost: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    b, c = np.asarray(gained, dtype=np.float64), np.asarray(lost, dtype=np.float64)
    if (b < 0).any() or (c < 0).any():
        raise ValueError("gained or lost is negative; expected counts of at least 0")
    b, discordant = np.broadcast_arrays(b, b + c)
    return b, discordant


def _cdf(k: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P(X ≤ k) as the incomplete beta integral I_½(trials - k, k + 1)."""
    from scipy.special import betainc  # noqa: PLC0415 -- costs 0.2 s

    inside = (k >= 0) & (k < trials)
    below = betainc(np.where(inside, trials - k, 1.0), np.where(inside, k + 1, 1.0), 0.5)
    return np.where(inside, below, (k >= trials).astype(np.float64))
