"""Anytime-valid e-values for a success probability, by mixtures of likelihood ratios.

The e-value against H0: θ ≤ θ₀ is ∫ L(θ)/L(θ₀) dπ(θ) over a Beta prior π truncated below θ₀. Under H0 each
ratio is a nonnegative supermartingale that starts at 1, and so is their mixture: the probability that it ever
reaches 1/α is at most α, for any number of looks (Ville's inequality). The integral has a closed form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.incomplete_beta import log_betainc

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["log_e_above", "log_e_below"]


def log_e_above(
    successes: ArrayLike, trials: ArrayLike, share: float, prior: tuple[float, float] = (1.0, 3.0)
) -> NDArray[np.float64]:
    """Return the log e-value against H0: the probability of a success is at most ``share``.

    Args:
        successes: Number of successes, of any shape; real numbers are allowed, as in a forecast.
        trials: Number of trials, of a shape that broadcasts.
        share: Success probability under H0, in (0, 1).
        prior: Parameters of the Beta prior, truncated below ``share``.

    Raises:
        ValueError: ``share`` is not in (0, 1), or successes are not in 0..``trials``.
    """
    from scipy.special import betaln  # noqa: PLC0415 -- costs 0.2 s

    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected a number between 0 and 1")
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if not ((k >= 0) & (k <= n) & np.isfinite(n)).all():
        raise ValueError("successes are out of range; expected 0..trials")
    alpha, beta = prior
    after = betaln(alpha + k, beta + n - k) + log_betainc(beta + n - k, alpha + k, 1 - share)
    before = betaln(alpha, beta) + log_betainc(beta, alpha, 1 - share)
    found: NDArray[np.float64] = after - before - k * np.log(share) - (n - k) * np.log1p(-share)
    return found


def log_e_below(
    successes: ArrayLike, trials: ArrayLike, share: float, prior: tuple[float, float] = (1.0, 1.0)
) -> NDArray[np.float64]:
    """Return the log e-value against H0: the probability of a success is at least ``share``.

    Arguments and errors as for :func:`log_e_above`, with the prior truncated above ``share``.
    """
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    return log_e_above(n - k, n, 1 - share, (prior[1], prior[0]))
