"""Bootstrap on joint cell counts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import bootstrap, ks_2samp
from sklearn.metrics import f1_score

from pytest_mlops.stats import confusion
from pytest_mlops.stats import count_bootstrap as module
from pytest_mlops.stats.count_bootstrap import JointCells, count_bootstrap, joint_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

Codes = tuple["NDArray[np.intp]", "NDArray[np.intp]", "NDArray[np.intp]"]
F1 = {"f1": partial(confusion.f1, positive=1)}


def sample(n: int, classes: int = 2, seed: int = 0) -> Codes:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, n)
    candidate, baseline = (
        np.where(rng.random(n) < p, true, rng.integers(0, classes, n)) for p in (0.8, 0.75)
    )
    return true, candidate, baseline


@pytest.mark.parametrize("classes", [2, 5, 130])
def test_cells_are_the_combinations_that_occur(classes: int) -> None:
    true, candidate, baseline = sample(400, classes)
    cells = joint_cells(true, candidate, baseline, classes=classes)
    found = dict(zip(zip(cells.true, *cells.pred, strict=True), cells.count, strict=True))
    rows, counts = np.unique(np.stack([true, candidate, baseline]), axis=1, return_counts=True)
    assert found == dict(zip(zip(*rows, strict=True), counts, strict=True))
    assert cells.n == 400


def test_the_estimate_is_the_difference_of_the_metric() -> None:
    true, candidate, baseline = sample(300)
    found = count_bootstrap(joint_cells(true, candidate, baseline, classes=2), F1, seed=1, replicates=99)[
        "f1"
    ]
    assert found.estimate == pytest.approx(f1_score(true, candidate) - f1_score(true, baseline))


def test_macro_metrics_of_many_classes_are_bootstrapped_too() -> None:
    true, candidate, baseline = sample(500, 4)
    cells = joint_cells(true, candidate, baseline, classes=4)
    found = count_bootstrap(cells, {"f1": confusion.f1, "recall": confusion.recall}, seed=1, replicates=999)
    macro = f1_score(true, candidate, average="macro") - f1_score(true, baseline, average="macro")
    assert found["f1"].estimate == pytest.approx(macro)
    assert found["f1"].lower(0.95) < macro < found["f1"].upper(0.95)
    assert found["recall"].stderr > 0


@pytest.mark.parametrize("models", [1, 2])
def test_replicates_are_distributed_as_those_of_resampled_rows(models: int) -> None:
    arrays = sample(200)[: models + 1]
    ours = count_bootstrap(joint_cells(*arrays, classes=2), F1, seed=3, replicates=4000)["f1"]
    rng = np.random.default_rng(4)
    theirs = []
    for _ in range(1500):
        rows = rng.integers(0, 200, 200)
        true, *pred = (codes[rows] for codes in arrays)
        scores = [2 * (true & each).sum() / (true.sum() + each.sum()) for each in pred]
        theirs.append(scores[0] - (scores[1] if models == 2 else 0))
    assert ks_2samp(ours.values, theirs).pvalue > 0.001
    assert ours.stderr == pytest.approx(np.std(theirs), rel=0.08)


def test_bounds_are_those_of_scipy() -> None:
    true, candidate, baseline = sample(400)

    def difference(true: Codes, a: Codes, b: Codes, axis: int = -1) -> NDArray[np.float64]:
        hits = [np.equal(true, pred).mean(axis=axis) for pred in (a, b)]
        return np.asarray(hits[0] - hits[1])

    oracle = bootstrap((true, candidate, baseline), difference, paired=True, method="percentile", rng=1)
    cells = joint_cells(true, candidate, baseline, classes=2)
    found = count_bootstrap(cells, {"accuracy": confusion.accuracy}, seed=2)["accuracy"]
    assert found.lower(0.975) == pytest.approx(oracle.confidence_interval.low, abs=0.004)
    assert found.upper(0.975) == pytest.approx(oracle.confidence_interval.high, abs=0.004)


def test_the_same_seed_gives_the_same_replicates_and_another_does_not() -> None:
    cells = joint_cells(*sample(100), classes=2)
    first, again, other = (count_bootstrap(cells, F1, seed=s, replicates=50)["f1"].values for s in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = joint_cells(*sample(100), classes=2)
    whole = count_bootstrap(cells, F1, seed=5, replicates=50)["f1"].values
    monkeypatch.setattr(module, "_CHUNK", 7 * cells.count.size)
    assert np.array_equal(count_bootstrap(cells, F1, seed=5, replicates=50)["f1"].values, whole)


def test_undefined_replicates_are_counted_and_take_the_worst_value() -> None:
    true = np.array([1] + [0] * 9)
    cells = joint_cells(true, true, classes=2)
    found = count_bootstrap(cells, {"recall": partial(confusion.recall, positive=1)}, seed=1, replicates=999)
    assert found["recall"].undefined == pytest.approx(999 * 0.9**10, abs=60)
    assert (found["recall"].lower(0.95), found["recall"].upper(0.95)) == (-1, 1)


def test_a_difference_has_a_range_of_its_own() -> None:
    none = np.zeros(5, dtype=np.intp)
    found = count_bootstrap(joint_cells(none, none, none, classes=2), F1, seed=1, replicates=99)["f1"]
    assert np.isnan(found.estimate)
    assert (found.undefined, found.lower(0.95), found.upper(0.95)) == (99, -2, 2)


def test_a_hundred_million_examples_are_as_cheap_as_any() -> None:
    cells = joint_cells(*sample(100), classes=2)
    many = JointCells(true=cells.true, pred=cells.pred, count=cells.count * 10**6, classes=2)
    small, large = (count_bootstrap(each, F1, seed=1, replicates=2000)["f1"] for each in (cells, many))
    assert large.estimate == pytest.approx(small.estimate)
    assert large.stderr == pytest.approx(small.stderr / 1000, rel=0.1)
