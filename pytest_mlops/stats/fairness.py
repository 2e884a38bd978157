"""Fairness gaps between groups: equalised odds and demographic parity.

Hardt, Price and Srebro (NeurIPS 2016) and Dwork et al. (ITCS 2012), each as the largest difference between
two groups, with a bootstrap of the counts of each group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.replicates import Replicates

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Gap", "demographic_parity_gap", "equalised_odds_gap", "group_counts"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Gap:
    """The largest difference of a rate between two groups.

    The largest difference is biased upwards, more so for small groups, and so are its replicates. Their
    percentile is therefore a conservative upper bound. As a lower bound it would show a gap between equal
    groups, so the lower bound uses simultaneous bounds for all pairs of groups, from the bootstrap
    distribution of the largest studentised deviation (Romano and Wolf, JASA 100, 2005).

    Attributes:
        replicates: The gap and its bootstrap replicates, in 0..1.
        deviation: Largest deviation of a replicated difference from the observed one, in standard errors.
        distances: Absolute differences between two groups (pairs, rates).
        stderr: Standard errors of the differences (pairs, rates).
    """

    replicates: Replicates
    deviation: Replicates
    distances: NDArray[np.float64]
    stderr: NDArray[np.float64]

    @property
    def value(self) -> float:
        """The observed gap; NaN if a group has no examples for a rate."""
        return self.replicates.estimate

    @property
    def bias(self) -> float:
        """Bootstrap estimate of the bias of the largest difference."""
        return self.replicates.bias

    def lower(self, confidence: float) -> float:
        """Return the one-sided lower bound: the largest simultaneous lower bound of all pairs, at least 0."""
        if np.isnan(self.value):
            return 0.0
        reach = self.deviation.upper(confidence)
        return max(0.0, float((self.distances - reach * self.stderr).max()))

    def upper(self, confidence: float) -> float:
        """Return the one-sided upper percentile bound."""
        return self.replicates.upper(confidence)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rates:
    """Rates (..., groups, rates) and the variances of their estimates; NaN without examples."""

    share: NDArray[np.float64]
    variance: NDArray[np.float64]


def group_counts(
    group: NDArray[np.intp], label: NDArray[np.bool_], pred: NDArray[np.bool_], groups: int
) -> NDArray[np.intp]:
    """Return the counts of (group, label, prediction), (``groups``, 2, 2).

    Args:
        group: Group codes (n,) in 0..``groups`` - 1.
        label: Whether each example is positive (n,).
        pred: Whether each example is predicted positive (n,).
        groups: Number of groups.
    """
    code = (group * 2 + label) * 2 + pred
    return np.bincount(code, minlength=groups * 4).reshape(groups, 2, 2)


def demographic_parity_gap(counts: NDArray[np.intp], *, seed: int, replicates: int = 10_000) -> Gap:
    """Return the largest difference of the share predicted positive.

    Args:
        counts: Counts of (group, label, prediction), (groups, 2, 2), groups ≥ 2.
        seed: Random seed.
        replicates: Number of replicates B.

    Raises:
        ValueError: there are fewer than two groups, or an empty group.
    """
    return _gap(counts, _selection, seed, replicates)


def equalised_odds_gap(counts: NDArray[np.intp], *, seed: int, replicates: int = 10_000) -> Gap:
    """Return the larger of the largest differences of the true and of the false positive rate.

    Arguments and errors as for :func:`demographic_parity_gap`.
    """
    return _gap(counts, _odds, seed, replicates)


def _gap(
    counts: NDArray[np.intp],
    rates: Callable[[NDArray[np.float64]], _Rates],
    seed: int,
    replicates: int,
) -> Gap:
    size = counts.sum(axis=(1, 2))
    if size.size < 2 or not size.all():
        raise ValueError(f"got groups of {size.tolist()} examples; expected at least two non-empty groups")
    rng = np.random.default_rng(seed)
    drawn = [
        rng.multinomial(n, table.ravel() / n, size=replicates).reshape(replicates, 2, 2)
        for n, table in zip(size, counts, strict=True)
    ]
    observed, replicated = rates(counts.astype(np.float64)), rates(np.stack(drawn, axis=1).astype(np.float64))
    first, second = np.triu_indices(size.size, k=1)
    variance = observed.variance[first] + observed.variance[second]
    stderr = np.sqrt(variance)
    return Gap(
        replicates=Replicates.of(
            float(_largest(observed.share)), _largest(replicated.share), least=0.0, largest=1.0
        ),
        deviation=Replicates.of(0.0, _deviation(replicated.share - observed.share, stderr), least=0.0),
        distances=np.abs(observed.share[first] - observed.share[second]),
        stderr=stderr,
    )


def _deviation(error: NDArray[np.float64], stderr: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest studentised error of a difference (B,) from errors (B, groups, rates)."""
    largest = np.zeros(error.shape[0])
    # Pair by pair, so that the memory does not grow with the number of pairs.
    for i, j, spread in zip(*np.triu_indices(error.shape[1], k=1), stderr, strict=True):
        np.maximum(largest, (np.abs(error[:, i] - error[:, j]) / spread).max(axis=-1), out=largest)
    return largest


def _largest(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest difference between groups over all rates (..., groups, rates) -> (...)."""
    largest: NDArray[np.float64] = np.ptp(rates, axis=-2).max(axis=-1)
    return largest


def _selection(counts: NDArray[np.float64]) -> _Rates:
    """Return the share predicted positive, (..., groups, 2, 2) -> (..., groups, 1)."""
    return _rates(counts.sum(axis=-2)[..., None, :])


def _odds(counts: NDArray[np.float64]) -> _Rates:
    """Return the false and the true positive rate, (..., groups, 2, 2) -> (..., groups, 2)."""
    return _rates(counts)


def _rates(counts: NDArray[np.float64]) -> _Rates:
    """Return the shares of the second column, (..., 2) -> (...)."""
    hits, total = counts[..., 1], counts.sum(axis=-1)
    undefined = np.full(total.shape, np.nan)
    share = np.divide(hits, total, out=undefined.copy(), where=total > 0)
    # Half an example is added to either kind, so that the variance of a rate of 0 or 1 is not 0.
    smooth = (hits + 0.5) / (total + 1)
    variance = np.divide(smooth * (1 - smooth), total, out=undefined, where=total > 0)
    return _Rates(share=share, variance=variance)
