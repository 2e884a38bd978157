"""Inference on the ratio of the rates of bad events in two arms, canary and baseline.

If a share w of the requests goes to the canary at random and the rates of bad events have the ratio r, a bad
event belongs to the canary with probability θ(r) = w·r/(w·r + 1 - w), independent of the rates themselves and
of common changes in them. This is exact, not an approximation for small rates; conditioning on bad events
ignores the good ones, which costs a factor of 1/(1 - p) in requests at a rate of p. If requests are
distributed evenly instead of at random, or both arms get copies of the same requests, the number of the
canary's bad events varies less, and the tests are conservative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.beta_mixture import log_e_above, log_e_below

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BadEvents",
    "canary_probability",
    "estimate",
    "interval",
    "log_e_better",
    "log_e_worse",
    "p_better",
    "p_worse",
]

_WIDEST = 1e12
"""Largest ratio of the search; its inverse is the smallest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BadEvents:
    """Numbers of bad events at one traffic share.

    Attributes:
        canary: Bad events of the canary; real numbers are allowed, as in a forecast.
        total: Bad events of both arms.
        share: Share of the requests that went to the canary, in (0, 1).
    """

    canary: float
    total: float
    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"share is {self.share}; expected a number between 0 and 1")
        if not 0 <= self.canary <= self.total < np.inf:
            raise ValueError(f"got {self.canary} of {self.total} bad events; expected 0..total")


def canary_probability(ratio: ArrayLike, share: float) -> NDArray[np.float64]:
    """Return θ(r), the probability that a bad event belongs to the canary, for ``ratio`` of any shape."""
    weighted = share * np.asarray(ratio, dtype=np.float64)
    return weighted / (weighted + (1 - share))


def log_e_worse(events: BadEvents, ratio: float) -> float:
    """Return the log e-value against H0: the ratio of the rates, canary to baseline, is at most ``ratio``.

    Log e-values of steps with different shares add up, since the product of e-values is an e-value.
    """
    theta = float(canary_probability(ratio, events.share))
    return float(log_e_above(events.canary, events.total, theta))


def log_e_better(events: BadEvents, ratio: float) -> float:
    """Return the log e-value against H0: the ratio of the rates is at least ``ratio``."""
    theta = float(canary_probability(ratio, events.share))
    return float(log_e_below(events.canary, events.total, theta))


def p_worse(events: BadEvents, ratio: float) -> float:
    """Return the exact p value P(X ≥ canary) of H0: ratio ≤ ``ratio``, X binomial; 1 without events."""
    from scipy.special import betainc  # noqa: PLC0415 -- costs 0.2 s

    if events.canary == 0:
        return 1.0
    theta = float(canary_probability(ratio, events.share))
    return float(betainc(events.canary, events.total - events.canary + 1, theta))


def p_better(events: BadEvents, ratio: float) -> float:
    """Return the exact p value P(X ≤ canary) of H0: ratio ≥ ``ratio``, X binomial; 1 without events."""
    from scipy.special import betainc  # noqa: PLC0415

    if events.canary == events.total:
        return 1.0
    theta = float(canary_probability(ratio, events.share))
    return float(betainc(events.total - events.canary, events.canary + 1, 1 - theta))


def estimate(steps: Sequence[BadEvents]) -> float | None:
    """Return the most likely ratio: infinite if all events are the canary's, ``None`` without events."""
    total, canary = sum(step.total for step in steps), sum(step.canary for step in steps)
    if total == 0:
        return None
    if canary in (0, total):
        return 0.0 if canary == 0 else float("inf")

    def surplus(log_ratio: float) -> float:
        return sum(s.total * float(canary_probability(np.exp(log_ratio), s.share)) for s in steps) - canary

    return float(np.exp(_root(surplus, -np.log(_WIDEST), np.log(_WIDEST))))


def interval(steps: Sequence[BadEvents], alpha: float) -> tuple[float, float]:
    """Return an interval that contains the ratio at all looks with probability 1 - ``alpha``.

    It consists of the ratios r whose mixture e-value, the product over the steps under a Beta(½, ½) prior, is
    below 1/α. If no ratio fits all steps, since it changed between them, it spans the intervals of the steps.

    Returns:
        The lower and the upper end; 0 and infinity if there are too few events.
    """
    best = estimate(steps)
    if best is None:
        return 0.0, float("inf")
    widest = float(np.log(_WIDEST))
    middle = min(widest, max(-widest, float(np.log(best)) if best > 0 else -widest))

    def excess(log_ratio: float) -> float:
        return sum(_log_mixture(step, float(np.exp(log_ratio))) for step in steps) + float(np.log(alpha))

    if excess(middle) >= 0 and len(steps) > 1:
        ends = [interval([step], alpha) for step in steps]
        return min(lower for lower, _ in ends), max(upper for _, upper in ends)
    lower = float(np.exp(_root(lambda at: -excess(at), -widest, middle))) if excess(-widest) > 0 else 0.0
    upper = float(np.exp(_root(excess, middle, widest))) if excess(widest) > 0 else float("inf")
    return lower, upper


def _log_mixture(events: BadEvents, ratio: float) -> float:
    from scipy.special import betaln  # noqa: PLC0415

    k, n, w = events.canary, events.total, events.share
    log_odds = np.log(w * ratio) - np.log1p(-w)
    log_theta, log_rest = -np.logaddexp(0, -log_odds), -np.logaddexp(0, log_odds)
    return float(betaln(0.5 + k, 0.5 + n - k) - betaln(0.5, 0.5) - k * log_theta - (n - k) * log_rest)


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Return the zero of an increasing function between ``low`` and ``high``, by bisection."""
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
