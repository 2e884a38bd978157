"""Nonparametric bootstrap of classification metrics on joint cell counts, at a cost independent of n.

Resampling n rows with replacement yields multinomial counts of the occurring cells (true class, prediction of
each model), so the counts are drawn instead of the rows (Efron and Tibshirani 1993, section 6.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.confusion import ClassCounts
from pytest_mlops.stats.replicates import Replicates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from pytest_mlops.stats.confusion import Metric

__all__ = ["JointCells", "count_bootstrap", "count_codes", "joint_cells", "joint_codes", "observed"]

_DENSE_CELLS = 1_000_000
"""Up to this number of cells (100 classes, two models) counting into a full table is faster than sorting."""
_CHUNK = 4_000_000
"""Counts (replicates × cells) in memory at once, 32 MB."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class JointCells:
    """The occurring combinations of true class and predictions, with their counts.

    Attributes:
        true: Code of the true class of each cell (L,).
        pred: Codes of the classes predicted by each model, each (L,).
        count: Number of examples of each cell (L,), all above 0.
        classes: Number of classes K.
    """

    true: NDArray[np.intp]
    pred: tuple[NDArray[np.intp], ...]
    count: NDArray[np.intp]
    classes: int

    @property
    def n(self) -> int:
        """Number of examples."""
        return int(self.count.sum())


def joint_cells(y_true: NDArray[np.intp], *predictions: NDArray[np.intp], classes: int) -> JointCells:
    """Count the cells of one model, or of candidate and baseline.

    Args:
        y_true: True class codes (n,), n ≥ 1, in 0..``classes`` - 1.
        predictions: Class codes predicted by each model, each (n,).
        classes: Number of classes.
    """
    codes = joint_codes(y_true, *predictions, classes=classes)
    return count_codes(codes, models=len(predictions), classes=classes)


def joint_codes(y_true: NDArray[np.intp], *predictions: NDArray[np.intp], classes: int) -> NDArray[np.intp]:
    """Return the code of each example's cell (n,); arguments as for :func:`joint_cells`."""
    codes = y_true
    for pred in predictions:
        codes = codes * classes + pred
    return codes


def count_codes(codes: NDArray[np.intp], *, models: int, classes: int) -> JointCells:
    """Count cells by their codes.

    Args:
        codes: Codes from :func:`joint_codes` (n,), all or those of a slice.
        models: Number of models.
        classes: Number of classes.
    """
    if classes ** (1 + models) <= _DENSE_CELLS:
        table = np.bincount(codes)
        live = np.flatnonzero(table)
        count = table[live]
    else:
        live, count = np.unique(codes, return_counts=True)
    digits = []
    for _ in range(models):
        live, digit = np.divmod(live, classes)
        digits.append(digit)
    return JointCells(true=live, pred=tuple(reversed(digits)), count=count, classes=classes)


def count_bootstrap(
    cells: JointCells, metrics: Mapping[str, Metric], *, seed: int, replicates: int = 10_000
) -> dict[str, Replicates]:
    """Bootstrap metrics of one model, or the difference candidate minus baseline of two.

    All metrics use the same replicates.

    Args:
        cells: Cells of one or two models, the candidate first.
        metrics: Name -> metric; each takes class counts (B, K) and returns (B,) in -1..1, NaN where
            undefined.
        seed: Random seed.
        replicates: Number of replicates B.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[NDArray[np.float64]]] = {name: [] for name in metrics}
    for counts in _draws(cells, replicates, rng):
        models = _by_model(cells, counts)
        for name, metric in metrics.items():
            drawn[name].append(_value(metric, models))
    widest = 1.0 if len(cells.pred) == 1 else 2.0  # every metric is in -1..1
    observed = _by_model(cells, cells.count[None, :].astype(np.float64))
    return {
        name: Replicates.of(
            float(_value(metric, observed)[0]), np.concatenate(drawn[name]), least=-widest, largest=widest
        )
        for name, metric in metrics.items()
    }


def observed(cells: JointCells, metric: Metric) -> tuple[float, ...]:
    """Return the metric of each model on the original examples; NaN where undefined."""
    models = _by_model(cells, cells.count[None, :].astype(np.float64))
    return tuple(float(metric(counts)[0]) for counts in models)


def _draws(cells: JointCells, replicates: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Yield cell counts (b, L) of ``replicates`` samples in total."""
    n, share = cells.n, cells.count / cells.n
    chunk = max(1, _CHUNK // share.size)
    for start in range(0, replicates, chunk):
        size = min(chunk, replicates - start)
        # float64 represents the counts exactly, and its matrix products are fast.
        yield rng.multinomial(n, share, size=size).astype(np.float64)


def _by_model(cells: JointCells, counts: NDArray[np.float64]) -> list[ClassCounts]:
    """Return the class counts (b, K) of each model from cell counts (b, L)."""
    true = counts @ _members(cells.true, cells.classes)
    return [
        ClassCounts(
            hit=counts @ (_members(pred, cells.classes) * (pred == cells.true)[:, None]),
            true=true,
            pred=counts @ _members(pred, cells.classes),
        )
        for pred in cells.pred
    ]


def _members(codes: NDArray[np.intp], classes: int) -> NDArray[np.float64]:
    """Return the indicator matrix (L, K) of class membership."""
    members: NDArray[np.float64] = (codes[:, None] == np.arange(classes)).astype(np.float64)
    return members


def _value(metric: Metric, models: list[ClassCounts]) -> NDArray[np.float64]:
    values = [metric(counts) for counts in models]
    return values[0] if len(values) == 1 else values[0] - values[1]
