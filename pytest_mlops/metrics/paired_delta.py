"""The difference of one metric between two models on the same examples, and the ways to come by it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats import delong, mcnemar, normal, paired_share
from pytest_mlops.stats.paired_mean import paired_mean

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


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDelta:
    """The difference candidate − baseline of one metric on one slice.

    Attributes:
        metric: Name of the metric.
        slice: Name of the slice.
        n: Paired examples that it rests on.
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
    metric: str, part: str, ours: NDArray[np.float64], theirs: NDArray[np.float64], confidence: float
) -> PairedDelta:
    """Compare the means of per-example values (n,); values that are all 0 or 1 make paired shares."""
    n = ours.size
    if n < 2:
        return undefined_delta(metric, part, n, FEW)
    if all(((values == 0) | (values == 1)).all() for values in (ours, theirs)):
        gained, lost = int((ours > theirs).sum()), int((theirs > ours).sum())
        return share_delta(
            metric, part, n, gained=gained, lost=lost, right=int(ours.sum()), confidence=confidence
        )
    return mean_delta(metric, part, (float(ours.mean()), float(theirs.mean())), ours - theirs, confidence)


def mean_delta(
    metric: str, part: str, values: tuple[float, float], change: NDArray[np.float64], confidence: float
) -> PairedDelta:
    """Compare by Student's t of paired differences.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        values: Of candidate and baseline.
        change: Difference of each example, or of its influence on the metric, (n ≥ 2,).
        confidence: One-sided, of each bound.
    """
    mean = paired_mean(change)
    return PairedDelta(
        metric=metric,
        slice=part,
        n=mean.n,
        candidate=values[0],
        baseline=values[1],
        delta=values[0] - values[1],
        lower=mean.lower(confidence),
        upper=mean.upper(confidence),
        p_decrease=mean.p_below(),
        p_increase=paired_mean(-change).p_below(),
        variance=mean.stderr**2 * mean.n,
        method="paired t",
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
) -> PairedDelta:
    """Compare by bootstrap: percentile bounds, or normal ones where fewer replicates than wanted were drawn.

    Resampling knows nothing of disagreements that did not happen to occur, so that no bound comes nearer to
    the difference than 1 − (1 − confidence)^(1/m), what 0 of m examples leave possible.

    Args:
        metric: Name of the metric.
        part: Name of the slice.
        n: Number of examples.
        values: Of candidate and baseline.
        drawn: Replicates of the difference.
        alike: The m above, as a number of examples that a single one weighs as much as.
        wanted: Replicates that p values of the whole family need.
        confidence: One-sided, of each bound.
    """
    if not math.isfinite(drawn.estimate):
        return undefined_delta(metric, part, n, "a model predicts no positive example, or there is none")
    change = drawn.estimate
    reach = 1 - math.pow(1 - confidence, 1 / alike)
    if drawn.size >= wanted or drawn.undefined or not drawn.stderr > 0:
        lower, upper = drawn.lower(confidence), drawn.upper(confidence)
        p_decrease, p_increase = drawn.p_below(), _p_above(drawn)
        kind = "bootstrap of counts"
    else:
        lower = normal.lower_bound(change, drawn.stderr, confidence)
        upper = normal.upper_bound(change, drawn.stderr, confidence)
        p_decrease, p_increase = normal.p_below(change, drawn.stderr), normal.p_below(-change, drawn.stderr)
        kind = "normal, bootstrap of counts"
    return PairedDelta(
        metric=metric,
        slice=part,
        n=n,
        candidate=values[0],
        baseline=values[1],
        delta=change,
        lower=min(lower, change - reach),
        upper=max(upper, change + reach),
        p_decrease=p_decrease,
        p_increase=p_increase,
        variance=None if math.isnan(drawn.stderr) else drawn.stderr**2 * n,
        method=f"{kind}, {drawn.size:,} replicates",
    )


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
    """Compare the areas under the ROC curve of two scores (n,) by DeLong's covariance."""
    found = delong.paired_auc(positive, ours, theirs)
    change, stderr = found.difference.value, found.difference.stderr
    if change is None or stderr is None:
        why = found.difference.undefined or "one example of a class only"
        return undefined_delta("roc_auc", part, positive.size, why)
    return PairedDelta(
        metric="roc_auc",
        slice=part,
        n=positive.size,
        candidate=found.candidate,
        baseline=found.baseline,
        delta=change,
        lower=normal.lower_bound(change, stderr, confidence),
        upper=normal.upper_bound(change, stderr, confidence),
        p_decrease=normal.p_below(change, stderr),
        p_increase=normal.p_below(-change, stderr),
        variance=stderr**2 * positive.size,
        method="DeLong",
    )
