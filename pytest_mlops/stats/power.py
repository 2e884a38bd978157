"""Power analysis of paired comparisons."""

from __future__ import annotations

import math

from pytest_mlops.stats import normal

__all__ = ["mde", "needed_n"]


def mde(variance: float, n: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest difference that a one-sided test at ``alpha`` detects with probability ``power``.

    (z₁₋α + z_power)·√(variance/n), the normal approximation near no difference.

    Args:
        variance: Variance of the per-example difference: the share of discordant examples for paired binary
            outcomes, 2·p·(1 - p) for two independent samples of size n.
        n: Number of examples, at least 1.
        alpha: One-sided level.
        power: Probability to detect it.
    """
    return (normal.z(1 - alpha) + normal.z(power)) * math.sqrt(variance / n)


def needed_n(
    variance: float, margin: float, *, difference: float = 0.0, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Return the n at which a candidate whose true difference is ``difference`` passes with ``power``.

    ((z₁₋α + z_power)/(margin + difference))²·variance.

    Args:
        variance: As for :func:`mde`.
        margin: Allowed loss.
        difference: True difference, candidate minus baseline; higher is better.
        alpha: One-sided level of the lower bound.
        power: Probability to pass.

    Returns:
        ``None`` if no n up to ``normal.MOST_EXAMPLES`` suffices, as for a loss equal to the margin.
    """
    room = margin + difference
    if room <= 0:
        return None
    needed = math.ceil(variance * ((normal.z(1 - alpha) + normal.z(power)) / room) ** 2)
    return max(1, needed) if needed <= normal.MOST_EXAMPLES else None
