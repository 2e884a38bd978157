"""The paired difference of one metric between two models, by statistical method."""

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
TOO_LARGE = "the numbers are too large for float64"


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDelta:
    """The difference candidate − baseline of one metric on one slice.

    Attributes:
        metric: Name of the metric.
        slice: Name of the slice.
        n: Number of paired examples; for an AUC, those of the smaller class.
        candidate: Value of the candidate.
        baseline: Value of the baseline.
        delta: Candidate minus baseline.
        lower: One-sided lower confidence bound of the difference.
        upper: One-sided upper bound, at the same confidence.
        p_decrease: P value of the null hypothesis that the metric did not decrease.
        p_increase: P value of the null hypothesis that the metric did not increase.
        variance: Variance of the per-example difference, for power analysis; ``None`` if unknown.
        method: Statistical method.
        undefined: Why the difference is undefined; all numbers are ``None`` then.
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
    """Return an undefined difference with its reason."""
    return PairedDelta(metric=metric, slice=part, n=n, undefined=why)


def share_delta(
    metric: str, part: str, n: int, *, gained: int, lost: int, right: int, confidence: float
) -> PairedDelta:
    """Compare two proportions of the same examples: Tango's score interval, McNemar's mid-p test.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        n: Number of examples, at least 1.
        gained: Number of examples that only the candidate predicts correctly.
        lost: Number of examples that only the baseline predicts correctly.
        right: Number of examples that the candidate predicts correctly.
        confidence: One-sided confidence level of each bound.
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
    influence: float | None = None,
) -> PairedDelta:
    """Compare the means of per-example values; values that are all 0 or 1 are paired proportions.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        ours: Values of the candidate (n,).
        theirs: Values of the baseline (n,).
        confidence: One-sided confidence level of each bound.
        influence: Largest possible difference between the two values of one example; by default the largest
            observed value.
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
        influence=largest if influence is None else influence,
        magnitude=largest,
    )


def mean_delta(
    metric: str,
    part: str,
    values: tuple[float, float],
    change: NDArray[np.float64],
    confidence: float,
    *,
    influence: float,
    magnitude: float = 0.0,
) -> PairedDelta:
    """Compare by Student's t of paired differences, adjusted for their skewness.

    Differences that did not occur in the sample add no variance. Each bound is therefore at least
    ``influence`` times the upper bound of a share with 0 of n successes away from the change.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        values: Metric of candidate and baseline.
        change: Per-example difference, or difference of influence values, (n,), n ≥ 2.
        confidence: One-sided confidence level of each bound.
        influence: Largest influence of one example, in units of ``change``.
        magnitude: Largest magnitude of the numbers that were subtracted, for rounding errors.
    """
    n = change.size
    if not (influence > 0 or change.any()):
        return undefined_delta(metric, part, n, UNKNOWN_INFLUENCE)
    if not (np.isfinite(change).all() and all(map(math.isfinite, (*values, influence)))):
        return undefined_delta(metric, part, n, TOO_LARGE)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = paired_mean(change, magnitude=magnitude)
        delta, reach = values[0] - values[1], influence * unseen_share(n, confidence)
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
    support: float,
    required: int,
    confidence: float,
    influence: float = 1.0,
    resampled: str = "counts",
) -> PairedDelta:
    """Compare by bootstrap: percentile bounds, or normal bounds with fewer replicates than required.

    Resampling cannot reproduce disagreements that did not occur in the sample. Each bound is therefore at
    least ``influence``·(1 − (1 − confidence)^(1/m)) away from the difference, the upper bound of a share with
    0 of m successes.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        n: Number of examples.
        values: Metric of candidate and baseline.
        drawn: Replicates of the difference.
        support: The m above: effective number of examples that determine the metric.
        required: Number of replicates that the p values of the whole family need.
        confidence: One-sided confidence level of each bound.
        influence: Change of the metric if all m examples changed; 1 for a metric in 0..1.
        resampled: What the bootstrap resamples, for the method's name.
    """
    if not math.isfinite(drawn.estimate):
        return undefined_delta(
            metric, part, n, "no example is positive, or a model predicts none as positive"
        )
    change, reach = drawn.estimate, influence * unseen_share(support, confidence)
    stderr = _spread(drawn, influence)
    percentile = drawn.suffices(confidence) and (
        drawn.size >= required or drawn.undefined > 0 or not stderr > 0
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


def _spread(drawn: Replicates, influence: float) -> float:
    """Return the standard error; 0 if the replicates differ only by rounding errors."""
    with np.errstate(over="ignore", invalid="ignore"):
        stderr = drawn.stderr
    return 0.0 if stderr <= ROUNDING * max(influence, abs(drawn.estimate)) else stderr


def _unknown(drawn: Replicates) -> str:
    return f"the metric is undefined in {drawn.undefined:,} of {drawn.size:,} resamples, so there is no bound"


def _p_above(drawn: Replicates) -> float:
    """Return the p value of H0: statistic ≤ 0."""
    above = drawn.values.size - int(np.searchsorted(drawn.values, 0.0, side="right"))
    return (1 + drawn.size - above) / (drawn.size + 1)


def area_delta(
    part: str,
    positive: NDArray[np.bool_],
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    confidence: float,
) -> PairedDelta:
    """Compare the areas under the ROC curve of two scores by DeLong's covariance.

    The number of examples m of the smaller class gives the degrees of freedom of Student's t, and each bound
    is at least the upper bound of a share with 0 of m successes away from the change.

    Args:
        part: Name of the slice.
        positive: Whether each example is positive (n,).
        ours: Scores of the candidate (n,).
        theirs: Scores of the baseline (n,).
        confidence: One-sided confidence level of each bound.
    """
    found = delong.paired_auc(positive, ours, theirs)
    m = min(int(positive.sum()), int((~positive).sum()))
    change, stderr = found.difference.value, found.difference.stderr
    if change is None or stderr is None or m < 2:
        why = found.difference.undefined or "only one example of a class"
        return undefined_delta("roc_auc", part, m, why)
    adjusted = SkewAdjusted(value=change, stderr=stderr, skewness=found.skewness, freedom=m - 1)
    mirrored = SkewAdjusted(value=-change, stderr=stderr, skewness=-found.skewness, freedom=m - 1)
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
        p_increase=mirrored.p_below(),
        variance=stderr**2 * m,
        method="DeLong, Student's t of the smaller class, adjusted for skewness",
    )
