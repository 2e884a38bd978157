"""DeLong's test for the ROC AUC of two models on the same examples, in O(n log n).

DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988), with the rank form of Sun and Xu (IEEE Signal
Processing Letters 21, 2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.classification import ONE_CLASS
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.normal import degenerate_stderr
from pytest_mlops.stats.skew_adjusted import third_moment

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PairedAuc", "paired_auc"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedAuc:
    """The AUCs of both models and their difference.

    Attributes:
        candidate: AUC of the candidate, NaN if undefined.
        baseline: AUC of the baseline, NaN if undefined.
        covariance: (variance of the candidate, covariance, variance of the baseline); ``None`` with fewer
            than two examples of a class.
        difference: Candidate minus baseline with its standard error, which is 0 if both models rank all
            examples identically; undefined with its reason for one class only.
        skewness: Skewness of the difference, from third moments of the placements; 0 without covariance or
            variation.
    """

    candidate: float
    baseline: float
    covariance: tuple[float, float, float] | None
    difference: Estimate
    skewness: float = 0.0


def paired_auc(
    positive: NDArray[np.bool_], candidate: NDArray[np.float64], baseline: NDArray[np.float64]
) -> PairedAuc:
    """Compare two areas under the ROC curve.

    V10 of a positive example is the share of negatives with a lower score, V01 of a negative example the
    share of positives with a higher score, ties counted half. The covariance of the areas is cov(V10)/m +
    cov(V01)/n.

    Args:
        positive: Whether the example is of the positive class (n,).
        candidate: Scores of the candidate (n,).
        baseline: Scores of the baseline (n,).
    """
    size, m = positive.size, int(positive.sum())
    if not 0 < m < size:
        nothing = Estimate(n=size, undefined=ONE_CLASS)
        return PairedAuc(candidate=math.nan, baseline=math.nan, covariance=None, difference=nothing)
    ranks, other = _ranks(candidate), _ranks(baseline)
    placed = [_placements(positive, pooled) for pooled in (ranks, other)]
    areas = [float(v10.mean()) for v10, _ in placed]
    covariance = _covariance(placed) if 1 < m < size - 1 else None
    stderr = 0.0 if np.array_equal(ranks, other) else _stderr(covariance, min(m, size - m))
    difference = Estimate(value=areas[0] - areas[1], n=size, stderr=stderr)
    return PairedAuc(
        candidate=areas[0],
        baseline=areas[1],
        covariance=covariance,
        difference=difference,
        skewness=_skewness(placed, stderr) if covariance is not None and stderr else 0.0,
    )


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the midranks 1..n of ``scores`` (n,)."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    size = np.diff(starts, append=scores.size)
    ranks = np.empty(scores.size)
    ranks[order] = np.repeat(starts + (size + 1) / 2, size)
    return ranks


def _placements(
    positive: NDArray[np.bool_], pooled: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the placements V10 (m,) and V01 (n,) from pooled ranks and ranks within each class."""
    above, below = pooled[positive], pooled[~positive]
    return (above - _ranks(above)) / below.size, 1 - (below - _ranks(below)) / above.size


def _covariance(
    placed: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[float, float, float]:
    (first10, first01), (second10, second01) = placed
    found = np.cov(first10, second10) / first10.size + np.cov(first01, second01) / first01.size
    return float(found[0, 0]), float(found[0, 1]), float(found[1, 1])


def _skewness(placed: list[tuple[NDArray[np.float64], NDArray[np.float64]]], stderr: float) -> float:
    """Return μ₃/stderr³, μ₃ = μ₃(ΔV10)/m² + μ₃(ΔV01)/n² as of a sum of two independent means."""
    (first10, first01), (second10, second01) = placed
    third = (
        third_moment(first10 - second10) / first10.size**2
        + third_moment(first01 - second01) / first01.size**2
    )
    return third / stderr**3


def _stderr(covariance: tuple[float, float, float] | None, support: int) -> float | None:
    """Return the standard error of the difference; see ``degenerate_stderr`` for areas without any spread."""
    if covariance is None:
        return None
    candidate, shared, baseline = covariance
    variance = candidate + baseline - 2 * shared
    # A smaller variance is a rounding error.
    if variance <= 1e-14 * (candidate + baseline):
        return degenerate_stderr(support)
    return math.sqrt(variance)
