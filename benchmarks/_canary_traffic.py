"""Traffic of two versions, drawn look by look, and what the judge's evidence says at each look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.rollout.canary import sequential
from pytest_mlops.rollout.canary.exposure import Exposure

if TYPE_CHECKING:
    from pytest_mlops.records.serving import JudgeSettings

__all__ = ["Scenario", "rates"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """How requests and bad events come.

    Attributes:
        old: Rate of bad events of the version that serves.
        new: Rate of the new version.
        share: Share of the requests that is meant for the canary.
        got: Share that it gets.
        dealt: Whether requests are dealt out evenly instead of at random.
        wander: Factor between the highest and the lowest rate, of both versions alike, over time.
        burst: Bad events that come together.
        requests: Of both versions, at each look.
        looks: At most.
    """

    old: float
    new: float
    share: float = 0.1
    got: float | None = None
    dealt: bool = False
    wander: float = 1.0
    burst: int = 1
    requests: int = 500
    looks: int = 60

    def look(self, rng: np.random.Generator, number: int) -> tuple[int, int, int, int]:
        """Return the baseline's bad events and requests and the canary's, since the look before."""
        share = self.share if self.got is None else self.got
        canary = round(self.requests * share) if self.dealt else int(rng.binomial(self.requests, share))
        factor = self.wander ** (math.sin(number / 3) / 2)
        bad = []
        for requests, rate in ((self.requests - canary, self.old), (canary, self.new)):
            drawn = self.burst * int(rng.binomial(requests, min(1.0, rate * factor) / self.burst))
            bad.append(min(requests, drawn))
        return bad[0], self.requests - canary, bad[1], canary


def rates(
    settings: JudgeSettings, scenario: Scenario, *, rounds: int, seed: int, trusting: bool = False
) -> tuple[float, float]:
    """Return how often a metric alone rolls back and how often it promotes, looked at all the time.

    With ``trusting`` the judge is told that the canary was meant to get what it got nominally and does not
    see what it did get, as a judge that goes by the weights alone.
    """
    rng = np.random.default_rng(seed)
    ends = [_end(settings, scenario, rng, trusting=trusting) for _ in range(rounds)]
    return ends.count("rollback") / rounds, ends.count("promote") / rounds


def _end(settings: JudgeSettings, scenario: Scenario, rng: np.random.Generator, *, trusting: bool) -> str:
    seen = np.zeros(4)
    for number in range(1, scenario.looks + 1):
        seen += scenario.look(rng, number)
        old_bad, old, new_bad, new = seen
        if trusting:
            old, new = (old + new) * (1 - scenario.share), (old + new) * scenario.share
        step = [
            Exposure(
                share=scenario.share,
                baseline_bad=old_bad,
                baseline_requests=old,
                canary_bad=new_bad,
                canary_requests=new,
            )
        ]
        if sequential.log_e_rollback(settings, step) >= -math.log(settings.alpha_rollback):
            return "rollback"
        if sequential.log_e_promote(settings, step) >= -math.log(settings.alpha_promote):
            return "promote"
    return "hold"
