"""One look at metrics that come as series of points, as a monitoring system has them.

Values are tested for a shift and for their spread, counts of bad events by the exact test of the ratio of
their rates. One family of p values over all metrics, after Holm, rolls back; each metric must rule harm out
by itself to promote. Points that hang together in time count for less: by the autocorrelation of the old
version's values, since what changes in the course of the new one's may be what is looked for, and by the
counts' overdispersion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pytest_mlops.rollout.canary.judgement import Evidence, Finding, Judgement, JudgeVerdict
from pytest_mlops.stats import rank_sum, spread
from pytest_mlops.stats.dependence import dispersion, inflated, variance_factor
from pytest_mlops.stats.multiplicity import holm
from pytest_mlops.stats.rate_ratio import BadEvents, p_better, p_worse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pytest_mlops.records.serving import JudgeSettings

__all__ = ["Series", "judge_series"]

MOST_POINTS = 5_000
"""Points of a series; all differences between two series are looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One metric of both versions over the same time, point by point.

    Attributes:
        metric: Its name.
        baseline: Points (m,) of the version that serves, in the order of time.
        canary: Points (n,) of the new version.
        kind: ``value``: measurements such as a latency; ``count``: bad events per interval, all of one
            length.
        bad: Of values, the direction that is worse; of counts more are worse.
        acceptable_shift: Share of the old version's median by which values may shift, however surely they do.
        harmful_shift: Share of it that must be ruled out to promote.
        min_points: Points of each version without which it does not promote.
    """

    metric: str
    baseline: Sequence[float]
    canary: Sequence[float]
    kind: Literal["value", "count"] = "value"
    bad: Literal["increase", "decrease", "either"] = "either"
    acceptable_shift: float = 0.05
    harmful_shift: float = 0.25
    min_points: int = 10

    @property
    def problem(self) -> str:
        """What keeps it from being judged, or nothing."""
        for name, points in (("old", self.baseline), ("new", self.canary)):
            values = np.asarray(points, dtype=np.float64)
            if values.ndim != 1 or not values.size:
                return f"the {name} version has no points"
            if not np.isfinite(values).all():
                return f"{int((~np.isfinite(values)).sum())} points of the {name} version are no numbers"
            if values.size > MOST_POINTS:
                return f"the {name} version has {values.size:,} points; sum up to at most {MOST_POINTS:,}"
            if self.kind == "count" and ((values < 0) | (values % 1 != 0)).any():
                return f"points of the {name} version are no counts"
        return ""


def judge_series(settings: JudgeSettings, series: Sequence[Series]) -> Judgement:
    """Judge a canary by one look at its metrics' points; levels and ratios are those of the settings.

    The probability to roll back a version that is no different is at most ``alpha_rollback`` over all
    metrics, that to promote one that is harmful in some metric at most ``alpha_promote``. Without a metric it
    is ``HOLD``.
    """
    tests = {each.metric: () if each.problem else _rollback_tests(settings, each) for each in series}
    adjusted = iter(holm([p for found in tests.values() for p in found]))
    findings = tuple(
        _finding(settings, each, [float(next(adjusted)) for _ in tests[each.metric]]) for each in series
    )
    for verdict in (JudgeVerdict.ROLLBACK, JudgeVerdict.HOLD):
        if reasons := tuple(found.sentence for found in findings if found.verdict is verdict):
            return Judgement(verdict=verdict, findings=findings, reasons=reasons)
    if not findings:
        return Judgement(verdict=JudgeVerdict.HOLD, reasons=("there is no metric to judge by",))
    reasons = tuple(found.sentence for found in findings)
    return Judgement(verdict=JudgeVerdict.PROMOTE, findings=findings, reasons=reasons)


def _rollback_tests(settings: JudgeSettings, series: Series) -> tuple[float, ...]:
    """Return the p values against H0: nothing is worse than is acceptable."""
    if series.kind == "count":
        return (_count_test(p_worse, settings.acceptable_ratio, series),)
    old, new, factor = _arrays(series)
    up, down = rank_sum.p_greater(new, old), rank_sum.p_greater(old, new)
    wider, narrower = spread.p_wider(new, old), spread.p_wider(old, new)
    shifted = {"increase": up, "decrease": down, "either": min(1.0, 2 * min(up, down))}[series.bad]
    # Against a shift of 0 with the margin apart: to test against the margin would tear ties asunder.
    if abs(rank_sum.shift(new, old)) <= series.acceptable_shift * abs(float(np.median(old))):
        shifted = 1.0
    spreads = min(1.0, 2 * min(wider, narrower)) if series.bad == "either" else wider
    return inflated(shifted, factor), inflated(spreads, factor)


def _promote_p(settings: JudgeSettings, series: Series) -> float:
    """Return the p value against H0: something is at least harmful; the largest of its parts."""
    if series.kind == "count":
        return _count_test(p_better, settings.harmful_ratio, series)
    old, new, factor = _arrays(series)
    room = series.harmful_shift * abs(float(np.median(old)))
    most = 1 / settings.harmful_ratio
    parts = [spread.p_wider(old, new, most)]
    if series.bad != "decrease":
        parts.append(rank_sum.p_greater(old + room, new))
    if series.bad != "increase":
        parts.append(rank_sum.p_greater(new + room, old))
    if series.bad == "either":
        parts.append(spread.p_wider(new, old, most))
    return inflated(max(parts), factor)


def _arrays(series: Series) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    old, new = (np.asarray(each, dtype=np.float64) for each in (series.baseline, series.canary))
    return old, new, variance_factor(old)


def _count_test(test: Callable[[BadEvents, float], float], ratio: float, series: Series) -> float:
    old, new = float(np.sum(series.baseline)), float(np.sum(series.canary))
    share = len(series.canary) / (len(series.canary) + len(series.baseline))
    events = BadEvents(canary=new, total=old + new, share=share)
    return inflated(test(events, ratio), dispersion([series.baseline, series.canary]))


def _finding(settings: JudgeSettings, series: Series, adjusted: Sequence[float]) -> Finding:
    if series.problem:
        sentence = f"{series.metric}: {series.problem}"
        return Finding(metric=series.metric, verdict=JudgeVerdict.HOLD, sentence=sentence)
    rollback = Evidence(value=min(adjusted), threshold=settings.alpha_rollback, sequential=False)
    promote = Evidence(value=_promote_p(settings, series), threshold=settings.alpha_promote, sequential=False)
    enough = min(len(series.baseline), len(series.canary)) >= series.min_points
    verdict, outcome = JudgeVerdict.HOLD, "neither worse nor known to do no harm"
    if rollback.met:
        verdict, outcome = JudgeVerdict.ROLLBACK, "worse"
    elif promote.met and enough:
        verdict, outcome = JudgeVerdict.PROMOTE, "no harm"
    elif promote.met:
        outcome = f"no harm by too few points; {series.min_points} of each version are needed"
    moved, ratio = _moved(series)
    return Finding(
        metric=series.metric,
        verdict=verdict,
        sentence=f"{series.metric}: {_shown(series, moved, ratio)}; {outcome} (p values: worse "
        f"{rollback.value:.2g} where at most {rollback.threshold:g} does, no harm {promote.value:.2g} of "
        f"{promote.threshold:g})",
        rollback=rollback,
        promote=promote,
        shift=moved,
        spread=ratio,
    )


def _moved(series: Series) -> tuple[float | None, float | None]:
    """Return the shift of values and the ratio of their deviations, as far as there are such."""
    if series.kind == "count":
        return None, None
    before = spread.deviation(series.baseline)
    ratio = spread.deviation(series.canary) / before if before else None
    return rank_sum.shift(series.canary, series.baseline), ratio


def _shown(series: Series, moved: float | None, ratio: float | None) -> str:
    if moved is None:
        return (
            f"{np.sum(series.canary):g} events in {len(series.canary)} intervals with the new version, "
            f"{np.sum(series.baseline):g} in {len(series.baseline)} with the old one"
        )
    spreads = "the old one's did not vary" if ratio is None else f"the spread {ratio:.3g} times as wide"
    return f"shifted by {moved:.3g} from {float(np.median(series.baseline)):.3g}, {spreads}"
