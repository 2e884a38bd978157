"""Search for weak slices, adjusted for the number of slices searched."""

from __future__ import annotations

import math
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
    """A slice on which the model performs worse than on the rest.

    Attributes:
        name: Name of the slice; two names are joined by ``and``.
        n: Number of examples in the slice.
        mean: Mean score on the slice.
        rest: Mean score of all other examples.
        q: P value adjusted for the number of slices searched (Benjamini and Hochberg).
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
    """Return slices with a lower mean score than the rest, the largest gap first.

    Each slice of at least ``min_n`` examples is compared with the rest by Welch's statistic under the normal
    distribution, and an intersection also with the rest of either slice, so that it is returned only if it is
    weaker than both. The expected share of false discoveries is at most ``q`` (Benjamini and Hochberg, JRSS B
    57, 1995). The results of a search suggest where to look; they are not evidence for a verdict.

    Args:
        scores: Score of each example (n,), higher is better, such as correct (1) or wrong (0), or the
            negative loss.
        slices: Slice name -> mask (n,).
        pairs: Whether to search intersections of two slices too.
        q: False discovery rate.
        min_n: Minimum number of examples of a slice, and of the rest.
    """
    centre = float(scores.mean()) if scores.size else 0.0
    centred = scores - centre
    everything = np.ones(scores.size, dtype=np.bool_)
    tried: list[tuple[str, NDArray[np.bool_]]] = []
    compared: list[tuple[float, float, float]] = []
    for name, mask, around in _candidates(slices, pairs=pairs):
        if all(min_n <= int(mask.sum()) <= int(whole.sum()) - min_n for whole in (everything, *around)):
            mean, rest, p = _against_rest(centred, mask)
            within = [_against_rest(centred[whole], mask[whole])[2] for whole in around]
            tried.append((name, mask))
            compared.append((mean, rest, max([p, *within])))
    if not tried:
        return []
    adjusted = benjamini_hochberg([p for _, _, p in compared]).tolist()
    found = [
        WeakSlice(name=name, n=int(mask.sum()), mean=mean + centre, rest=rest + centre, q=value)
        for (name, mask), (mean, rest, _), value in zip(tried, compared, adjusted, strict=True)
        if value <= q
    ]
    return sorted(found, key=lambda one: one.mean - one.rest)


def _candidates(
    slices: Mapping[str, NDArray[np.bool_]], *, pairs: bool
) -> Iterator[tuple[str, NDArray[np.bool_], tuple[NDArray[np.bool_], ...]]]:
    """Yield name and mask of each candidate, and the masks of the slices that an intersection is made of."""
    for name, mask in slices.items():
        yield name, mask, ()
    if not pairs:
        return
    for (first, one), (second, other) in combinations(slices.items(), 2):
        yield f"{first} and {second}", one & other, (one, other)


def _against_rest(centred: NDArray[np.float64], mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the mean inside and outside the slice, and the p value of H0: the inside is not worse.

    Args:
        centred: Scores minus their mean (n,), so that sums of squares keep their precision.
        mask: The slice (n,).
    """
    inside = centred[mask]
    total, squares = float(centred.sum()), float(centred @ centred)
    own, own_squares = float(inside.sum()), float(inside @ inside)
    mean, variance = _moments(inside.size, own, own_squares)
    rest, other = _moments(centred.size - inside.size, total - own, squares - own_squares)
    return mean, rest, p_below(mean - rest, math.sqrt(variance + other))


def _moments(n: int, total: float, squares: float) -> tuple[float, float]:
    """Return the mean and its variance from the sum and the sum of squares of n ≥ 2 values."""
    mean = total / n
    return mean, max(0.0, squares - n * mean**2) / ((n - 1) * n)
