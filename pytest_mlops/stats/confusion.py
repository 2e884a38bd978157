"""Classification metrics as vectorised functions of class counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClassCounts", "Metric", "accuracy", "f1", "precision", "recall"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassCounts:
    """Diagonal and margins of K×K confusion matrices, each (..., K).

    Attributes:
        hit: Correct predictions of each class.
        true: Examples of each class.
        pred: Predictions of each class.
    """

    hit: NDArray[np.float64]
    true: NDArray[np.float64]
    pred: NDArray[np.float64]

    @property
    def n(self) -> NDArray[np.float64]:
        """Number of examples (...)."""
        total: NDArray[np.float64] = self.true.sum(axis=-1)
        return total


if TYPE_CHECKING:
    Metric: TypeAlias = Callable[[ClassCounts], NDArray[np.float64]]
else:
    Metric = Callable


def accuracy(counts: ClassCounts) -> NDArray[np.float64]:
    """Return the share of correct predictions (...)."""
    return _over(counts.hit.sum(axis=-1), counts.n)


def precision(counts: ClassCounts, *, positive: int | None = None) -> NDArray[np.float64]:
    """Return TP/(TP + FP) (...).

    Args:
        counts: Class counts (..., K).
        positive: Code of the positive class. ``None`` for the unweighted mean over the occurring classes, in
            which a class without predictions counts 0; it needs two true classes.

    Returns:
        The precision; NaN where the denominator is 0.
    """
    return _averaged(counts, counts.hit, counts.pred, positive)


def recall(counts: ClassCounts, *, positive: int | None = None) -> NDArray[np.float64]:
    """Return TP/(TP + FN) (...), as :func:`precision`."""
    return _averaged(counts, counts.hit, counts.true, positive)


def f1(counts: ClassCounts, *, positive: int | None = None) -> NDArray[np.float64]:
    """Return 2·TP/(2·TP + FP + FN) (...), as :func:`precision`."""
    return _averaged(counts, 2 * counts.hit, counts.true + counts.pred, positive)


def _averaged(
    counts: ClassCounts, part: NDArray[np.float64], whole: NDArray[np.float64], positive: int | None
) -> NDArray[np.float64]:
    if positive is not None:
        return _over(part[..., positive], whole[..., positive])
    present = (counts.true + counts.pred) > 0
    each = np.where(present, np.nan_to_num(_over(part, whole)), 0.0)
    classes = np.count_nonzero(counts.true > 0, axis=-1)
    return _over(each.sum(axis=-1), np.where(classes > 1, present.sum(axis=-1), 0))


def _over(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``part / whole``, and NaN where ``whole`` is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    found: NDArray[np.float64] = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return found
