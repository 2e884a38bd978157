"""Search for weak slices, with the number of places that were looked at accounted for."""

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
    law, and a pair also against the rest of either slice, so that it is named only where it is weaker than
    both; of those returned a share of ``q`` at most is expected to be no weaker (Benjamini and Hochberg, JRSS
    B 57, 1995). What is found by looking everywhere is a place to look closer: it decides nothing.

    Args:
        scores: One per example, higher better, such as right (1) or wrong (0), or minus the loss (n,).
        slices: Slice name -> mask (n,).
        pairs: Whether intersections of two slices are looked at too.
        q: False discovery rate.
        min_n: Least examples of a slice, and of the rest.
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
    """Yield name, mask, and the masks of the slices that a pair is the intersection of."""
    for name, mask in slices.items():
        yield name, mask, ()
    if not pairs:
        return
    for (first, one), (second, other) in combinations(slices.items(), 2):
        yield f"{first} and {second}", one & other, (one, other)


def _against_rest(centred: NDArray[np.float64], mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the mean inside and outside, and the p value of H0: inside is not worse.

    Args:
        centred: Scores less their mean (n,), so that sums of squares lose no digits.
        mask: The slice (n,).
    """
    inside = centred[mask]
    total, squares = float(centred.sum()), float(centred @ centred)
    own, own_squares = float(inside.sum()), float(inside @ inside)
    mean, variance = _moments(inside.size, own, own_squares)
    rest, other = _moments(centred.size - inside.size, total - own, squares - own_squares)
    return mean, rest, p_below(mean - rest, math.sqrt(variance + other))


def _moments(n: int, total: float, squares: float) -> tuple[float, float]:
    """Return the mean, and the variance of the mean, from n ≥ 2 values' sum and sum of squares."""
    mean = total / n
    return mean, max(0.0, squares - n * mean**2) / ((n - 1) * n)
