"""Gaps between groups: equalised odds and demographic parity.

Hardt, Price and Srebro (NeurIPS 2016) and Dwork et al. (ITCS 2012), each as the largest difference between
two groups, with a bootstrap over the counts of every group.
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

    A largest difference is biased upwards, the more the smaller the groups, and so are its replicates. The
    upper bound is their percentile, which errs on the safe side; the lower bound mirrors it at the estimate,
    so that equal groups do not show a gap by their size alone.

    Attributes:
        replicates: The gap and its bootstrap replicates, in 0..1.
        rates: What the gap is taken over (groups, rates); NaN where a group has no such examples.
        smallest: Examples in the smallest group.
    """

    replicates: Replicates
    rates: NDArray[np.float64]
    smallest: int

    @property
    def value(self) -> float:
        """The gap in the data; NaN where a group has no examples that a rate needs."""
        return self.replicates.estimate

    @property
    def bias(self) -> float:
        """By how much the largest difference is overestimated, after the bootstrap."""
        return self.replicates.bias

    def lower(self, confidence: float) -> float:
        """Return the one-sided lower bound 2·gap - upper percentile, at least 0."""
        return max(0.0, 2 * self.value - self.upper(confidence))

    def upper(self, confidence: float) -> float:
        """Return the one-sided upper percentile bound."""
        return self.replicates.upper(confidence)


def group_counts(
    group: NDArray[np.intp], label: NDArray[np.bool_], pred: NDArray[np.bool_], groups: int
) -> NDArray[np.intp]:
    """Count (group, label, prediction), (``groups``, 2, 2).

    Args:
        group: Group codes (n,) in 0..``groups`` - 1.
        label: Whether the example is positive (n,).
        pred: Whether it is predicted to be (n,).
        groups: Number of groups.
    """
    code = (group * 2 + label) * 2 + pred
    return np.bincount(code, minlength=groups * 4).reshape(groups, 2, 2)


def demographic_parity_gap(counts: NDArray[np.intp], *, seed: int, replicates: int = 10_000) -> Gap:
    """Return the largest difference of the share predicted positive.

    Args:
        counts: Of (group, label, prediction), (groups ≥ 2, 2, 2).
        seed: Of the random numbers.
        replicates: How many, B.

    Raises:
        ValueError: There are fewer than two groups, or an empty one.
    """
    return _gap(counts, _selection, seed, replicates)


def equalised_odds_gap(counts: NDArray[np.intp], *, seed: int, replicates: int = 10_000) -> Gap:
    """Return the larger of the largest differences of the true and of the false positive rate.

    Arguments and errors as for :func:`demographic_parity_gap`.
    """
    return _gap(counts, _odds, seed, replicates)


def _gap(
    counts: NDArray[np.intp],
    rates: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    seed: int,
    replicates: int,
) -> Gap:
    size = counts.sum(axis=(1, 2))
    if size.size < 2 or not size.all():
        raise ValueError(f"got groups of {size.tolist()} examples, expected two or more, none of them empty")
    rng = np.random.default_rng(seed)
    drawn = [
        rng.multinomial(n, table.ravel() / n, size=replicates).reshape(replicates, 2, 2)
        for n, table in zip(size, counts, strict=True)
    ]
    observed = rates(counts.astype(np.float64))
    values = _largest(rates(np.stack(drawn, axis=1).astype(np.float64)))
    found = Replicates.of(float(_largest(observed)), values, least=0.0, largest=1.0)
    return Gap(replicates=found, rates=observed, smallest=int(size.min()))


def _largest(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest difference between groups over all rates (..., groups, rates) -> (...)."""
    largest: NDArray[np.float64] = np.ptp(rates, axis=-2).max(axis=-1)
    return largest


def _selection(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share predicted positive, (..., groups, 2, 2) -> (..., groups, 1)."""
    share: NDArray[np.float64] = counts[..., 1].sum(axis=-1) / counts.sum(axis=(-1, -2))
    return share[..., None]


def _odds(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the false and the true positive rate, (..., groups, 2, 2) -> (..., groups, 2)."""
    total = counts.sum(axis=-1)
    rates: NDArray[np.float64] = np.divide(
        counts[..., 1], total, out=np.full(total.shape, np.nan), where=total > 0
    )
    return rates
