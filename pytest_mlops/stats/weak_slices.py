"""Search for weak slices, with the number of places that were looked at accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.multiplicity import benjamini_hochberg
from pytest_mlops.stats.normal import p_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["WeakSlice", "weak_slices"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WeakSlice:
    """A slice on which the model does worse than on the rest.

    Attributes:
        name: Of the slice, two joined by ``and``.
        n: Examples in it.
        mean: Mean score in it.
        rest: Mean score of all other examples.
        q: P value adjusted for all slices looked at, after Benjamini and Hochberg.
    """

    name: str
    n: int
    mean: float
    rest: float
    q: float


def weak_slices(
    scores: NDArray[np.float64],
    slices: Mapping[str, NDArray[np.bool_]],
    *,
    pairs: bool = False,
    q: float = 0.1,
    min_n: int = 30,
) -> list[WeakSlice]:
    """Find slices whose mean score lies below that of the rest, the largest gap first.

    Each slice of ``min_n`` examples or more is held against the rest by Welch's statistic under the normal
    law; of those returned a share of ``q`` at most is expected to be no weaker (Benjamini and Hochberg, JRSS
    B 57, 1995). What is found by looking everywhere is a place to look closer: it decides nothing.

    Args:
        scores: One per example, higher better, such as right (1) or wrong (0), or minus the loss (n,).
        slices: Slice name -> mask (n,).
        pairs: Whether intersections of two slices are looked at too.
        q: False discovery rate.
        min_n: Least examples of a slice, and of the rest.
    """
    masks = list(_candidates(slices, pairs=pairs))
    tried = [(name, mask) for name, mask in masks if min_n <= int(mask.sum()) <= mask.size - min_n]
    if not tried:
        return []
    compared = [_against_rest(scores, mask) for _, mask in tried]
    adjusted = benjamini_hochberg([p for _, _, p in compared]).tolist()
    found = [
        WeakSlice(name=name, n=int(mask.sum()), mean=mean, rest=rest, q=value)
        for (name, mask), (mean, rest, _), value in zip(tried, compared, adjusted, strict=True)
        if value <= q
    ]
    return sorted(found, key=lambda one: one.mean - one.rest)


def _candidates(
    slices: Mapping[str, NDArray[np.bool_]], *, pairs: bool
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    yield from slices.items()
    if not pairs:
        return
    for (first, one), (second, other) in combinations(slices.items(), 2):
        both = one & other
        # The intersection of a slice with one that contains it is that slice again.
        if both.any() and not (np.array_equal(both, one) or np.array_equal(both, other)):
            yield f"{first} and {second}", both


def _against_rest(scores: NDArray[np.float64], mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the mean inside and outside, and the p value of H0: inside is not worse."""
    inside, outside = scores[mask], scores[~mask]
    variance = inside.var(ddof=1) / inside.size + outside.var(ddof=1) / outside.size
    mean, rest = float(inside.mean()), float(outside.mean())
    return mean, rest, p_below(mean - rest, float(np.sqrt(variance)))
