"""Bootstrap over rows or clusters of rows, for means and other statistics.

Clusters are resampled as a whole (Davison and Hinkley 1997, section 3.8), so that rows of one user, document
or session are not treated as independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.replicates import Replicates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["bootstrap_mean", "bootstrap_statistic", "effective_n"]

_CHUNK = 2_000_000
"""Indices (replicates × units) held at once: 16 MB."""


def bootstrap_mean(
    values: NDArray[np.float64],
    *,
    seed: int,
    replicates: int = 10_000,
    clusters: NDArray[np.intp] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> Replicates:
    """Bootstrap the mean Σw·x/Σw of per-example values, such as differences of losses.

    Args:
        values: One per example (n ≥ 1,).
        seed: Of the random numbers.
        replicates: How many, B.
        clusters: Code of the cluster each example belongs to (n,), 0 or more; by default its own.
        weights: Weight of each example (n,), 0 or more; by default 1.

    Raises:
        ValueError: The weights are negative, not finite or all 0.
    """
    weight = np.ones(values.size) if weights is None else weights
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise ValueError("weights must be finite, 0 or more, and not all 0")
    weighted = values * weight
    if clusters is not None:
        weighted, weight = _sums(clusters, weighted), _sums(clusters, weight)
    rng = np.random.default_rng(seed)
    drawn = []
    for units in _draws(weight.size, replicates, rng):
        total = weight[units].sum(axis=1)
        top = weighted[units].sum(axis=1)
        drawn.append(np.divide(top, total, out=np.full(total.size, np.nan), where=total > 0))
    return Replicates.of(float(weighted.sum() / weight.sum()), np.concatenate(drawn))


def bootstrap_statistic(
    statistic: Callable[[NDArray[np.intp]], float],
    n: int,
    *,
    seed: int,
    replicates: int = 2_000,
    clusters: NDArray[np.intp] | None = None,
) -> Replicates:
    """Bootstrap any statistic of rows, such as the difference of a metric between two models.

    Args:
        statistic: Takes row numbers in 0..n - 1, some repeated, returns a number, NaN where undefined.
        n: Number of rows, at least 1.
        seed: Of the random numbers.
        replicates: How many, B; each costs one call.
        clusters: Code of the cluster each row belongs to (n,), 0 or more; by default its own.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(n)
    members = [rows[k : k + 1] for k in rows] if clusters is None else _members(clusters)
    values = np.empty(replicates)
    for place in range(replicates):
        units = rng.integers(0, len(members), len(members))
        values[place] = statistic(units if clusters is None else np.concatenate([members[u] for u in units]))
    return Replicates.of(float(statistic(rows)), values)


def effective_n(values: NDArray[np.float64], clusters: NDArray[np.intp]) -> float:
    """Return the number of independent examples whose mean would be as uncertain as that of these.

    n times the variance of the mean of independent examples over the variance between clusters,
    G/(G - 1)·Σ(Σ(x - x̄))²/n² (Cameron and Miller, Journal of Human Resources 50, 2015), at most n. Without
    spread the number of clusters G; with one cluster, 1.

    Args:
        values: One per example (n ≥ 1,).
        clusters: Code of the cluster each example belongs to (n,), 0 or more.
    """
    residual = values - values.mean()
    within = _sums(clusters, residual)
    n, groups = values.size, within.size
    spread = float(residual @ residual)
    if groups < 2 or spread == 0:
        return float(groups)
    between = groups / (groups - 1) * float(within @ within)
    return min(float(n), n**2 * spread / ((n - 1) * between)) if between > 0 else float(n)


def _draws(units: int, replicates: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield numbers of the units drawn (b, units), ``replicates`` rows altogether."""
    chunk = max(1, _CHUNK // units)
    for start in range(0, replicates, chunk):
        yield rng.integers(0, units, (min(chunk, replicates - start), units))


def _sums(clusters: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of ``values`` over each cluster that has rows (G,)."""
    rows = np.bincount(clusters)
    return np.asarray(np.bincount(clusters, values)[rows > 0], dtype=np.float64)


def _members(clusters: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return the rows of each cluster that has rows."""
    order = np.argsort(clusters, kind="stable")
    starts = np.flatnonzero(np.diff(clusters[order])) + 1
    return list(np.split(order, starts))
