"""As many bootstrap replicates as a decision needs to stand up to another seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.stats.replicates import Replicates

__all__ = ["settle"]


def settle(
    draw: Callable[[int], Replicates],
    *,
    threshold: float,
    confidence: float,
    first: int = 10_000,
    most: int = 160_000,
) -> Replicates:
    """Double the replicates while the lower bound lies within two Monte Carlo errors of ``threshold``.

    Args:
        draw: Returns so many replicates, the same ones for the same number.
        threshold: What the lower bound is compared with, as minus the margin.
        confidence: Of the bound, one-sided.
        first: Replicates to begin with.
        most: No more than these are drawn, whether they settle it or not.
    """
    replicates = first
    found = draw(replicates)
    while replicates < most and not _clear(found, threshold, confidence):
        replicates = min(2 * replicates, most)
        found = draw(replicates)
    return found


def _clear(found: Replicates, threshold: float, confidence: float) -> bool:
    return abs(found.lower(confidence) - threshold) >= 2 * found.lower_error(confidence)
