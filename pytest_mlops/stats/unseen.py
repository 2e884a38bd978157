"""What may still happen though it happened to none of n examples."""

from __future__ import annotations

import math

__all__ = ["unseen_share"]


def unseen_share(n: float, confidence: float) -> float:
    """Return the upper confidence bound 1 - (1 - confidence)^(1/n) of a share of which 0 of n were seen.

    Clopper and Pearson's one-sided bound for no success in n trials, about 3/n at 95 %.

    Args:
        n: Number of examples, above 0.
        confidence: One-sided.
    """
    return -math.expm1(math.log1p(-confidence) / n)
