"""What a sequential canary does at a true ratio of rates, exact by dynamic programming over bad events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.beta_mixture import log_e_above, log_e_below
from pytest_mlops.stats.rate_ratio import canary_probability

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["CanaryPlan", "Operating"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operating:
    """What becomes of a canary whose bad events come at a given ratio of rates.

    Attributes:
        rollback: Probability to roll back.
        promote: Probability to promote.
        undecided: Probability that neither happens within the plan's number of bad events.
        events: Expected number of bad events, of both arms, until it ends.
    """

    rollback: float
    promote: float
    undecided: float
    events: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryPlan:
    """One metric's two sequential tests at one share of traffic.

    Attributes:
        share: Share of the requests that go to the canary, in (0, 1).
        acceptable: Ratio of rates up to which nothing is wrong.
        harmful: Ratio that has to be ruled out.
        alpha_rollback: Most probability to roll back at ``acceptable``.
        alpha_promote: Most probability to promote at ``harmful``.
        most_events: Bad events at which the canary ends undecided.
    """

    share: float
    acceptable: float = 1.0
    harmful: float = 2.0
    alpha_rollback: float = 0.01
    alpha_promote: float = 0.05
    most_events: int = 1200

    def operating(self, ratio: float) -> Operating:
        """Return what the tests do where the rates are in the true ``ratio``."""
        theta = float(canary_probability(ratio, self.share))
        rolls, promotes = self.boundaries()
        alive = np.array([1.0])
        rollback = promote = events = 0.0
        for n in range(1, self.most_events + 1):
            events += float(alive.sum())
            alive = np.append(alive * (1 - theta), 0.0) + np.insert(alive * theta, 0, 0.0)
            rollback += float(alive[rolls[n] :].sum())
            alive[rolls[n] :] = 0.0
            promote += float(alive[: promotes[n] + 1].sum())
            alive[: promotes[n] + 1] = 0.0
        return Operating(rollback=rollback, promote=promote, undecided=float(alive.sum()), events=events)

    def boundaries(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the least of the canary's events that roll back, and the most that promote.

        For each number of events of both arms from 0 to ``most_events``. Where none would, the first is above
        that number, the second -1.
        """
        worse, better = (
            float(canary_probability(ratio, self.share)) for ratio in (self.acceptable, self.harmful)
        )
        rolls = self._first(lambda k, n: log_e_above(k, n, worse) >= -np.log(self.alpha_rollback))
        stays = self._first(lambda k, n: log_e_below(k, n, better) < -np.log(self.alpha_promote))
        return rolls, stays - 1

    def _first(
        self, holds: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]
    ) -> NDArray[np.int64]:
        """Return for each n the least k in 0..n from which on ``holds`` is true, n + 1 where it never is."""
        n = np.arange(self.most_events + 1)
        low, high = np.zeros_like(n), n + 1
        while (low < high).any():
            middle = (low + high) // 2
            true = (middle > n) | holds(np.minimum(middle, n), n)
            low, high = np.where(true, low, middle + 1), np.where(true, middle, high)
            low = np.minimum(low, high)
        return low
