"""Evidence of one look at the newest step: exact tests, given how many bad events there were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.stats.rate_ratio import p_better, p_worse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_mlops.records.serving import JudgeSettings
    from pytest_mlops.rollout.canary.exposure import Exposure
    from pytest_mlops.stats.rate_ratio import BadEvents

__all__ = ["p_promote", "p_rollback", "rollback_level"]


def rollback_level(settings: JudgeSettings, steps: int) -> float:
    """Return the level of the look after that many steps; over all steps they sum to ``alpha_rollback``."""
    return settings.alpha_rollback / 2.0**steps


def p_rollback(settings: JudgeSettings, steps: Sequence[Exposure]) -> float:
    """Return the p value of H0: the ratio of the rates is at most the acceptable one."""
    return _largest(p_worse, settings.acceptable_ratio, steps[-1])


def p_promote(settings: JudgeSettings, steps: Sequence[Exposure]) -> float:
    """Return the p value of H0: the rate is at least the harmful multiple, and at least the tolerable rate.

    Either part refutes it, so that the smaller of the two p values counts twice.
    """
    step = steps[-1]
    possible = settings.harmful_ratio * step.baseline_bad < step.baseline_requests
    by_ratio = _largest(p_better, settings.harmful_ratio, step) if possible else 1.0
    if settings.tolerable_rate == 0:
        return by_ratio
    return min(1.0, 2 * min(by_ratio, _p_rate(step, settings.tolerable_rate)))


def _largest(p_value: Callable[[BadEvents, float], float], ratio: float, step: Exposure) -> float:
    """Take the more careful of the share that was meant and the one that came about."""
    if not 0 < step.realised < 1:
        return 1.0
    return max(p_value(step.events(share), ratio) for share in (step.share, step.realised))


def _p_rate(step: Exposure, rate: float) -> float:
    """Return P(X ≤ bad) for X binomial of the canary's requests and ``rate``."""
    from scipy.special import betainc  # noqa: PLC0415 -- costs 0.2 s

    bad, requests = step.canary_bad, step.canary_requests
    return 1.0 if bad == requests else float(betainc(requests - bad, bad + 1, 1 - rate))
