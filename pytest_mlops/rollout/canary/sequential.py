"""Evidence that may be looked at all the time: e-values against harmless and against harm.

Each step's evidence is the least of two, at the share of the requests that was meant for the canary and at
the share that it got. The first keeps the levels whatever the looks where requests are drawn at random; the
second keeps a canary that got fewer requests than it should, as while its replicas are down, from being taken
for good.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.rollout.canary.exposure import totals
from pytest_mlops.stats.beta_mixture import log_e_below
from pytest_mlops.stats.rate_ratio import log_e_better, log_e_worse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_mlops.records.serving import JudgeSettings
    from pytest_mlops.rollout.canary.exposure import Exposure
    from pytest_mlops.stats.rate_ratio import BadEvents

__all__ = ["factor_to_decide", "log_e_promote", "log_e_rollback"]

_PRIOR_OF_RATE = (0.5, 1.0)  # most weight at 0: what it is for is a canary without any bad event
_LONGEST = 1e4


def log_e_rollback(settings: JudgeSettings, steps: Sequence[Exposure]) -> float:
    """Return the log e-value against H0: the ratio of the rates is at most the acceptable one."""
    return _over_steps(log_e_worse, settings.acceptable_ratio, steps)


def log_e_promote(settings: JudgeSettings, steps: Sequence[Exposure]) -> float:
    """Return the log e-value against H0: the new version is harmful.

    Harmful is a rate that is at least the harmful multiple of the old version's and at least the tolerable
    rate. CanaryEvidence against either is evidence against both; the mean of two e-values is one.
    """
    by_ratio = _by_ratio(settings, steps)
    if settings.tolerable_rate == 0:
        return by_ratio
    return float(np.logaddexp(by_ratio, _by_rate(settings, steps))) - math.log(2)


def factor_to_decide(settings: JudgeSettings, steps: Sequence[Exposure], bar: float) -> float | None:
    """Return how many times as long the steps would have to be to decide, if everything stays as it is.

    Args:
        settings: Levels and ratios.
        steps: Counts, without a decision so far.
        bar: CanaryEvidence that rolls back.

    Returns:
        ``None`` where 10,000 times as long would not do.
    """

    def decided(factor: float) -> bool:
        longer = [step.scaled(factor) for step in steps]
        return log_e_promote(settings, longer) >= -math.log(settings.alpha_promote) or log_e_rollback(
            settings, longer
        ) >= math.log(bar)

    low = high = 1.0
    while not decided(high):
        low, high = high, high * 2
        if high > _LONGEST:
            return None
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


def _over_steps(log_e: Callable[[BadEvents, float], float], ratio: float, steps: Sequence[Exposure]) -> float:
    return sum(_least(log_e, ratio, step) for step in steps)


def _least(log_e: Callable[[BadEvents, float], float], ratio: float, step: Exposure) -> float:
    meant = log_e(step.events(step.share), ratio)
    if not 0 < step.realised < 1:
        return min(0.0, meant)  # one of the versions had no requests: nothing can be said for either side
    return min(meant, log_e(step.events(step.realised), ratio))


def _by_ratio(settings: JudgeSettings, steps: Sequence[Exposure]) -> float:
    both = totals(steps)
    if settings.harmful_ratio * both.baseline_bad >= both.baseline_requests:
        return -math.inf  # no rate can be that multiple of the old one: to rule it out means nothing
    return _over_steps(log_e_better, settings.harmful_ratio, steps)


def _by_rate(settings: JudgeSettings, steps: Sequence[Exposure]) -> float:
    if log_e_rollback(settings, steps) >= -math.log(settings.alpha_promote):
        return -math.inf  # a rate that is low, and by all appearances risen
    both = totals(steps)
    return float(log_e_below(both.canary_bad, both.canary_requests, settings.tolerable_rate, _PRIOR_OF_RATE))
