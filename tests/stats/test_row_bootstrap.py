"""Bootstrap over rows and clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import bootstrap

from pytest_mlops.stats import row_bootstrap as module
from pytest_mlops.stats.row_bootstrap import bootstrap_mean, bootstrap_statistic, effective_n

if TYPE_CHECKING:
    from numpy.typing import NDArray


def clustered(
    groups: int, size: int, shared: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return values that share a part with their cluster, and their clusters."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(groups), size)
    return rng.normal(size=groups)[clusters] * shared + rng.normal(size=groups * size), clusters


def test_bounds_of_a_mean_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).gamma(1.0, size=300)
    oracle = bootstrap((values,), np.mean, method="percentile", rng=1).confidence_interval
    found = bootstrap_mean(values, seed=2)
    assert found.estimate == pytest.approx(values.mean())
    assert (found.lower(0.975), found.upper(0.975)) == pytest.approx((oracle.low, oracle.high), abs=0.006)


def test_weights_count_as_repeated_rows_in_the_estimate() -> None:
    values, weights = np.array([1.0, 2.0, 4.0]), np.array([3.0, 0.0, 1.0])
    found = bootstrap_mean(values, seed=1, replicates=500, weights=weights)
    assert found.estimate == pytest.approx((3 * 1 + 4) / 4)
    assert 500 / 27 - 25 < found.undefined < 500 / 27 + 25  # only the row of weight 0 was drawn
    assert found.undefined > 0


def test_clusters_are_drawn_whole() -> None:
    values, clusters = np.array([1.0, 1.0, 1.0, 5.0]), np.array([7, 7, 7, 2])
    found = bootstrap_mean(values, seed=1, replicates=400, clusters=clusters)
    assert found.estimate == pytest.approx(2.0)
    assert set(np.round(found.values, 9)) == {1.0, 2.0, 5.0}


def test_every_row_its_own_cluster_is_the_plain_bootstrap() -> None:
    values = np.random.default_rng(0).normal(size=40)
    plain, single = (bootstrap_mean(values, seed=3, replicates=99, clusters=c) for c in (None, np.arange(40)))
    assert plain.values == pytest.approx(single.values)


def test_clustered_rows_are_less_certain_than_independent_ones() -> None:
    values, clusters = clustered(60, 10, 1.0, seed=1)
    plain, whole = (bootstrap_mean(values, seed=3, replicates=2000, clusters=c) for c in (None, clusters))
    deff = 1 + 9 * 0.5  # intra-cluster correlation 1/2
    assert (whole.stderr / plain.stderr) ** 2 == pytest.approx(deff, rel=0.3)
    assert effective_n(values, clusters) == pytest.approx(600 * (plain.stderr / whole.stderr) ** 2, rel=0.15)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=40)
    whole = bootstrap_mean(values, seed=3, replicates=99).values
    monkeypatch.setattr(module, "_CHUNK", 100)
    assert np.array_equal(bootstrap_mean(values, seed=3, replicates=99).values, whole)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0], [1.0, np.nan]])
def test_weights_that_weigh_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights must be finite"):
        bootstrap_mean(np.ones(2), seed=1, weights=np.array(weights))


def test_any_statistic_of_the_rows_can_be_bootstrapped() -> None:
    values = np.random.default_rng(0).normal(size=101)
    found = bootstrap_statistic(lambda rows: float(np.median(values[rows])), 101, seed=1)
    oracle = bootstrap((values,), np.median, method="percentile", rng=1).confidence_interval
    assert found.estimate == pytest.approx(np.median(values))
    assert (found.lower(0.975), found.upper(0.975)) == pytest.approx((oracle.low, oracle.high), abs=0.06)


def test_a_statistic_sees_whole_clusters() -> None:
    clusters = np.array([3, 0, 3, 0, 9])
    seen: list[tuple[int, ...]] = []

    def watch(rows: NDArray[np.intp]) -> float:
        seen.append(tuple(np.bincount(rows, minlength=5)))
        return float(rows.size)

    found = bootstrap_statistic(watch, 5, seed=1, replicates=60, clusters=clusters)
    assert found.estimate == 5
    assert all(counts[0] == counts[2] and counts[1] == counts[3] for counts in seen)
    assert {counts[0] + counts[1] + counts[4] for counts in seen[:-1]} == {3}
    assert len(set(seen)) > 5


def test_a_statistic_of_single_rows_draws_as_many_as_there_are() -> None:
    sizes: set[int] = set()

    def watch(rows: NDArray[np.intp]) -> float:
        sizes.add(rows.size)
        return 0.0

    bootstrap_statistic(watch, 7, seed=1, replicates=20)
    assert sizes == {7}


def test_undefined_statistics_are_counted() -> None:
    found = bootstrap_statistic(lambda rows: np.nan if 0 in rows else 1.0, 5, seed=1, replicates=200)
    assert found.undefined == pytest.approx(200 * (1 - 0.8**5), abs=25)
    assert found.lower(0.95) == -np.inf


def test_independent_examples_are_all_effective() -> None:
    values, clusters = clustered(200, 5, 0.0, seed=3)
    assert effective_n(values, clusters) == pytest.approx(1000, rel=0.15)


@pytest.mark.parametrize(
    ("values", "clusters", "expected"),
    [
        ([1.0, 2.0, 3.0], [4, 4, 4], 1.0),
        ([2.0, 2.0, 2.0, 2.0], [0, 0, 1, 1], 2.0),
        ([1.0, 3.0, 1.0, 3.0], [0, 0, 1, 1], 4.0),
        ([1.0, 3.0, 1.2, 3.0], [0, 0, 1, 1], 4.0),
        ([1.0, 1.0, 3.0, 3.0], [0, 0, 1, 1], 4 / 3),
    ],
)
def test_effective_n_at_its_ends(values: list[float], clusters: list[int], expected: float) -> None:
    assert effective_n(np.array(values), np.array(clusters)) == pytest.approx(expected)
