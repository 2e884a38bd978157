"""The difference of one metric between two models on the same examples, and the ways to come by it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.metrics.influence import UNKNOWN_INFLUENCE
from pytest_mlops.stats import delong, mcnemar, normal, paired_share
from pytest_mlops.stats.binomial import unseen_share
from pytest_mlops.stats.paired_mean import ROUNDING, paired_mean
from pytest_mlops.stats.skew_adjusted import SkewAdjusted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_mlops.stats.replicates import Replicates

__all__ = [
    "PairedDelta",
    "area_delta",
    "mean_delta",
    "replicates_delta",
    "share_delta",
    "undefined_delta",
    "values_delta",
]

FEW = "fewer than two examples"
TOO_LARGE = "its numbers are too large to compute with"


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDelta:
    """The difference candidate − baseline of one metric on one slice.

    Attributes:
        metric: Name of the metric.
        slice: Name of the slice.
        n: Paired examples that it rests on, of an area those of the smaller class.
        candidate: Value of the candidate.
        baseline: Value of the baseline.
        delta: Candidate minus baseline.
        lower: One-sided lower confidence bound of the difference.
        upper: One-sided upper bound, at the same confidence.
        p_decrease: P value of the hypothesis that the metric did not go down; small where it did.
        p_increase: P value of the hypothesis that it did not go up.
        variance: Of the per-example difference, which power is planned with; ``None`` where not known.
        method: What was used.
        undefined: Why there is no difference, all numbers then being ``None``.
    """

    metric: str
    slice: str
    n: int
    candidate: float | None = None
    baseline: float | None = None
    delta: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_decrease: float | None = None
    p_increase: float | None = None
    variance: float | None = None
    method: str = ""
    undefined: str | None = None


def undefined_delta(metric: str, part: str, n: int, why: str) -> PairedDelta:
    """Return a difference that there is none of."""
    return PairedDelta(metric=metric, slice=part, n=n, undefined=why)


def share_delta(
    metric: str, part: str, n: int, *, gained: int, lost: int, right: int, confidence: float
) -> PairedDelta:
    """Compare two shares of the same n ≥ 1 examples: Tango's score interval, McNemar's mid-p test.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        n: Number of examples.
        gained: Examples that only the candidate gets right.
        lost: Examples that only the baseline gets right.
        right: Examples that the candidate gets right.
        confidence: One-sided, of each bound.
    """
    return PairedDelta(
        metric=metric,
        slice=part,
        n=n,
        candidate=right / n,
        baseline=(right - gained + lost) / n,
        delta=(gained - lost) / n,
        lower=paired_share.lower_bound(gained, lost, n, confidence),
        upper=paired_share.upper_bound(gained, lost, n, confidence),
        p_decrease=float(mcnemar.mid_p(gained, lost)),
        p_increase=float(mcnemar.mid_p(lost, gained)),
        variance=(gained + lost) / n,
        method="Tango, McNemar mid-p",
    )


def values_delta(
    metric: str,
    part: str,
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    confidence: float,
    *,
    weight: float | None = None,
) -> PairedDelta:
    """Compare the means of per-example values (n,); values that are all 0 or 1 make paired shares.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        ours: Values of the candidate.
        theirs: Values of the baseline.
        confidence: One-sided, of each bound.
        weight: By how much the two values of one example can differ; by default the largest value at hand.
    """
    n = ours.size
    if n < 2:
        return undefined_delta(metric, part, n, FEW)
    if all(((values == 0) | (values == 1)).all() for values in (ours, theirs)):
        gained, lost = int((ours > theirs).sum()), int((theirs > ours).sum())
        return share_delta(
            metric, part, n, gained=gained, lost=lost, right=int(ours.sum()), confidence=confidence
        )
    largest = max(float(np.abs(values).max()) for values in (ours, theirs))
    means = float(ours.mean()), float(theirs.mean())
    return mean_delta(
        metric,
        part,
        means,
        ours - theirs,
        confidence,
        weight=largest if weight is None else weight,
        magnitude=largest,
    )


def mean_delta(
    metric: str,
    part: str,
    values: tuple[float, float],
    change: NDArray[np.float64],
    confidence: float,
    *,
    weight: float,
    magnitude: float = 0.0,
) -> PairedDelta:
    """Compare by Student's t of paired differences, adjusted for their skewness.

    Differences that did not happen to occur have no spread, so that no bound comes nearer to the change than
    ``weight`` times the share of examples that 0 of n leave possible.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        values: Of candidate and baseline.
        change: Difference of each example, or of its influence on the metric, (n ≥ 2,).
        confidence: One-sided, of each bound.
        weight: How much one example can weigh, in units of ``change``.
        magnitude: Size of the numbers that ``change`` was subtracted from.
    """
    n = change.size
    if not (weight > 0 or change.any()):
        return undefined_delta(metric, part, n, UNKNOWN_INFLUENCE)
    if not (np.isfinite(change).all() and all(map(math.isfinite, (*values, weight)))):
        return undefined_delta(metric, part, n, TOO_LARGE)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = paired_mean(change, magnitude=magnitude)
        delta, reach = values[0] - values[1], weight * unseen_share(n, confidence)
        lower = min(mean.lower(confidence), delta - reach)
        upper = max(mean.upper(confidence), delta + reach)
    if not all(map(math.isfinite, (delta, lower, upper, mean.variance))):
        return undefined_delta(metric, part, n, TOO_LARGE)
    return PairedDelta(
        metric=metric,
        slice=part,
        n=n,
        candidate=values[0],
        baseline=values[1],
        delta=delta,
        lower=lower,
        upper=upper,
        p_decrease=mean.p_below(),
        p_increase=paired_mean(-change, magnitude=magnitude).p_below(),
        variance=mean.variance,
        method="paired t, adjusted for skewness",
    )


def replicates_delta(
    metric: str,
    part: str,
    n: int,
    values: tuple[float, float],
    drawn: Replicates,
    *,
    alike: float,
    wanted: int,
    confidence: float,
    weight: float = 1.0,
    resampled: str = "counts",
) -> PairedDelta:
    """Compare by bootstrap: percentile bounds, or normal ones where fewer replicates than wanted were drawn.

    Resampling knows nothing of disagreements that did not happen to occur, so that no bound comes nearer to
    the difference than ``weight`` times 1 − (1 − confidence)^(1/m), what 0 of m examples leave possible.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        n: Number of examples.
        values: Of candidate and baseline.
        drawn: Replicates of the difference.
        alike: The m above, as a number of examples that a single one weighs as much as.
        wanted: Replicates that p values of the whole family need.
        confidence: One-sided, of each bound.
        weight: What the metric would change by if all the m examples did; 1 for what lies in 0..1.
        resampled: What the bootstrap draws.
    """
    if not math.isfinite(drawn.estimate):
        return undefined_delta(metric, part, n, "a model predicts no positive example, or there is none")
    change, reach = drawn.estimate, weight * unseen_share(alike, confidence)
    stderr = _spread(drawn, weight)
    percentile = drawn.suffices(confidence) and (
        drawn.size >= wanted or drawn.undefined > 0 or not stderr > 0
    )
    if drawn.undefined and not percentile:
        return undefined_delta(metric, part, n, _unknown(drawn))
    if percentile:
        lower, upper = drawn.lower(confidence), drawn.upper(confidence)
        p_decrease, p_increase = drawn.p_below(), _p_above(drawn)
    else:
        lower = normal.lower_bound(change, stderr, confidence)
        upper = normal.upper_bound(change, stderr, confidence)
        p_decrease, p_increase = normal.p_below(change, stderr), normal.p_below(-change, stderr)
    lower, upper = min(lower, change - reach), max(upper, change + reach)
    variance = stderr * stderr * n
    if not all(map(math.isfinite, (lower, upper, variance))):
        return undefined_delta(metric, part, n, _unknown(drawn) if drawn.undefined else TOO_LARGE)
    return PairedDelta(
        metric=metric,
        slice=part,
        n=n,
        candidate=values[0],
        baseline=values[1],
        delta=change,
        lower=lower,
        upper=upper,
        p_decrease=p_decrease,
        p_increase=p_increase,
        variance=variance,
        method=f"{'' if percentile else 'normal, '}bootstrap of {resampled}, {drawn.size:,} replicates",
    )


def _spread(drawn: Replicates, weight: float) -> float:
    """Return the standard error, 0 where replicates differ by the rounding error of the metric."""
    with np.errstate(over="ignore", invalid="ignore"):
        stderr = drawn.stderr
    return 0.0 if stderr <= ROUNDING * max(weight, abs(drawn.estimate)) else stderr


def _unknown(drawn: Replicates) -> str:
    return f"the metric is undefined in {drawn.undefined:,} of {drawn.size:,} resamples, so no bound is known"


def _p_above(drawn: Replicates) -> float:
    """Return the p value of H0: statistic ≤ 0, small where the replicates lie above it."""
    above = drawn.values.size - int(np.searchsorted(drawn.values, 0.0, side="right"))
    return (1 + drawn.size - above) / (drawn.size + 1)


def area_delta(
    part: str,
    positive: NDArray[np.bool_],
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    confidence: float,
) -> PairedDelta:
    """Compare the areas under the ROC curve of two scores (n,) by DeLong's covariance.

    The examples of the smaller class are the n that an area rests on: they give Student's t its degrees of
    freedom, and no bound comes nearer to the change than what 0 of them leave possible.
    """
    found = delong.paired_auc(positive, ours, theirs)
    m = min(int(positive.sum()), int((~positive).sum()))
    change, stderr = found.difference.value, found.difference.stderr
    if change is None or stderr is None or m < 2:
        why = found.difference.undefined or "one example of a class only"
        return undefined_delta("roc_auc", part, m, why)
    adjusted = SkewAdjusted(value=change, stderr=stderr, skewness=found.skewness, freedom=m - 1)
    turned = SkewAdjusted(value=-change, stderr=stderr, skewness=-found.skewness, freedom=m - 1)
    reach = unseen_share(m, confidence)
    return PairedDelta(
        metric="roc_auc",
        slice=part,
        n=m,
        candidate=found.candidate,
        baseline=found.baseline,
        delta=change,
        lower=min(adjusted.lower(confidence), change - reach),
        upper=max(adjusted.upper(confidence), change + reach),
        p_decrease=adjusted.p_below(),
        p_increase=turned.p_below(),
        variance=stderr**2 * m,
        method="DeLong, Student's t of the smaller class, adjusted for skewness",
    )
