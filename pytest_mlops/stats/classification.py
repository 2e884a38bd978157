"""Accuracy, precision, recall and F1 with standard errors, from counts of (true, predicted) pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.names import MACRO
from pytest_mlops.stats.estimate import SHARE, Estimate
from pytest_mlops.stats.normal import degenerate_stderr

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ONE_CLASS", "classification"]

ONE_CLASS = "one class only"
_DENSE_CELLS = 1_000_000
"""Up to this number of cells (1,000 classes) counting into a full table is faster than sorting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cells:
    """The occurring pairs: class codes and counts, each (cells,)."""

    true: NDArray[np.intp]
    pred: NDArray[np.intp]
    count: NDArray[np.intp]

    @property
    def n(self) -> int:
        return int(self.count.sum())

    @property
    def hit(self) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = self.true == self.pred
        return same


def classification(
    y_true: NDArray[np.intp], y_pred: NDArray[np.intp], classes: int, *, positive: int | None = None
) -> dict[str, Estimate]:
    """Measure accuracy, and with a positive class precision, recall and f1, else their ``_macro`` forms.

    Accuracy, precision and recall are binomial proportions. F1 and macro averages
    have a delta-method standard error on the cell probabilities. Macro averages are unweighted means over the
    occurring classes (scikit-learn's ``average="macro", zero_division=0``); they need two classes in
    ``y_true``.

    Args:
        y_true: True class codes (n,), n ≥ 1, in 0..``classes`` - 1.
        y_pred: Predicted class codes (n,).
        classes: Number of classes.
        positive: Code of the positive class; ``None`` measures the ``_macro`` forms.
    """
    cells = _count(y_true, y_pred, classes)
    accuracy = Estimate.share(int(cells.count[cells.hit].sum()), cells.n)
    averaged = _macro(cells, classes) if positive is None else _binary(cells, positive)
    return {"accuracy": accuracy, **averaged}


def _count(y_true: NDArray[np.intp], y_pred: NDArray[np.intp], classes: int) -> _Cells:
    pairs = y_true * classes + y_pred
    if classes**2 <= _DENSE_CELLS:
        table = np.bincount(pairs)
        live = np.flatnonzero(table)
        count = table[live]
    else:
        live, count = np.unique(pairs, return_counts=True)
    return _Cells(true=live // classes, pred=live % classes, count=count)


def _binary(cells: _Cells, positive: int) -> dict[str, Estimate]:
    """Return the metrics of one class against the rest."""
    true, pred, n = cells.true == positive, cells.pred == positive, cells.n
    tp, relevant, selected = (int(cells.count[chosen].sum()) for chosen in (true & pred, true, pred))
    return {
        "precision": _share(tp, selected, n, "no example is predicted positive"),
        "recall": _share(tp, relevant, n, "no example is positive"),
        "f1": _binary_f1(cells, true, pred),
    }


def _share(successes: int, trials: int, n: int, otherwise: str) -> Estimate:
    return Estimate.share(successes, trials, n=n) if trials else Estimate(n=n, undefined=otherwise)


def _binary_f1(cells: _Cells, true: NDArray[np.bool_], pred: NDArray[np.bool_]) -> Estimate:
    """Return F1 = 2·TP / (2·TP + FP + FN).

    With S the share of (true positives + predicted positives) among n, an example of the cell (t, p) has the
    influence (2·[t and p] - F1·([t] + [p])) / S.
    """
    marks = true.astype(np.intp) + pred
    total = int(cells.count @ marks)
    if not total:
        return Estimate(n=cells.n, undefined="no example is positive or predicted positive")
    both = true & pred
    f1 = float(2 * cells.count[both].sum() / total)
    influence = (2 * both - f1 * marks) * (cells.n / total)
    return _by_influence(f1, influence, cells, support=int(cells.count[marks > 0].sum()))


def _macro(cells: _Cells, classes: int) -> dict[str, Estimate]:
    """Return unweighted means over the classes that occur in ``true`` or ``pred``.

    With T and P the counts of true and predicted examples by class, an example of the cell (t, p) has, up to
    the factor n/K, the influence ([t=p] - recall_t)/T_t on recall, ([t=p] - precision_p)/P_p on precision and
    ([t=p] - F1_t)/(T_t + P_t) + ([t=p] - F1_p)/(T_p + P_p) on F1.
    """
    true = np.bincount(cells.true, cells.count, classes)
    pred = np.bincount(cells.pred, cells.count, classes)
    tp = np.bincount(cells.true[cells.hit], cells.count[cells.hit], classes)
    if np.count_nonzero(true) < 2:
        return {name: Estimate(n=cells.n, undefined=ONE_CLASS) for name in MACRO}
    precision, recall, f1 = _ratio(tp, pred), _ratio(tp, true), _ratio(2 * tp, true + pred)
    hit, t, p = cells.hit, cells.true, cells.pred
    # No cell belongs to a class with count 0, so nothing is divided by 0.
    found = {
        "precision_macro": (precision, (hit - precision[p]) / pred[p]),
        "recall_macro": (recall, (hit - recall[t]) / true[t]),
        "f1_macro": (f1, (hit - f1[t]) / (true + pred)[t] + (hit - f1[p]) / (true + pred)[p]),
    }
    present = (true + pred) > 0
    k, support = int(present.sum()), int(true[true > 0].min())
    return {
        name: _by_influence(
            float(each[present].mean()),
            influence * (cells.n / k),
            cells,
            support=support,
            note=f"macro over {k} classes",
        )
        for name, (each, influence) in found.items()
    }


def _ratio(part: NDArray[np.number], whole: NDArray[np.number]) -> NDArray[np.float64]:
    """Return ``part / whole``, and 0 where ``whole`` is 0."""
    ratio: NDArray[np.float64] = np.divide(part, whole, out=np.zeros(part.size), where=whole > 0)
    return ratio


def _by_influence(
    value: float, influence: NDArray[np.float64], cells: _Cells, *, support: int, note: str | None = None
) -> Estimate:
    """Return an estimate with the standard error from influence values (cells,) of mean 0.

    Args:
        value: The estimate.
        influence: Influence of one example of each cell.
        cells: The cells.
        support: Effective number of examples, used if all influence values are 0.
        note: How the value was computed.
    """
    n = cells.n
    if not influence.any():
        stderr = degenerate_stderr(support)
    else:
        stderr = math.sqrt(float(cells.count @ influence**2) / (n - 1) / n)
    return Estimate(value=value, n=n, stderr=stderr, note=note, range=SHARE)
