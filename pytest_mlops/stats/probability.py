"""Metrics of predicted probabilities: ROC AUC, log loss and Brier score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats.classification import ONE_CLASS
from pytest_mlops.stats.estimate import SHARE, Estimate
from pytest_mlops.stats.normal import degenerate_stderr

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["brier_losses", "log_losses", "roc_auc"]


def roc_auc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> Estimate:
    """Return the area under the ROC curve with its standard error after DeLong et al. (Biometrics 44, 1988).

    V10 of a positive example is the share of negatives with a lower score, V01 of a negative example the
    share of positives with a higher score, ties counted half. AUC = mean(V10) with variance var(V10)/m +
    var(V01)/n. Takes O(n log n), or O(n) if ``score`` is sorted.

    Args:
        positive: Whether each example is of the positive class (n,).
        score: Score for that class (n,).
    """
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    size = np.diff(starts, append=score.size)
    pos = np.add.reduceat(positive[order].astype(np.float64), starts)
    neg = size - pos
    m, n = float(pos.sum()), float(neg.sum())
    if not (m and n):
        return Estimate(n=score.size, undefined=ONE_CLASS)
    v10 = (np.cumsum(neg) - neg / 2) / n
    v01 = 1 - (np.cumsum(pos) - pos / 2) / m
    auc = float(pos @ v10 / m)
    spread10, spread01 = float(pos @ (v10 - auc) ** 2), float(neg @ (v01 - auc) ** 2)
    if spread10 == spread01 == 0:
        stderr: float | None = degenerate_stderr(int(min(m, n)))
    elif m > 1 and n > 1:
        stderr = math.sqrt(spread10 / (m - 1) / m + spread01 / (n - 1) / n)
    else:
        stderr = None
    return Estimate(value=auc, n=score.size, stderr=stderr, range=SHARE)


def log_losses(
    y_true: NDArray[np.intp], y_score: NDArray[np.float64], *, positive: int | None = None
) -> NDArray[np.float64]:
    """Return the negative log probability of the true class, (n,).

    Probabilities are clipped by the machine epsilon of float64, as in scikit-learn.

    Args:
        y_true: True class codes (n,).
        y_score: Probabilities of the positive class (n,), or of every class (n, K).
        positive: Code of the positive class, for scores (n,).
    """
    eps = np.finfo(np.float64).eps
    return -np.log(np.clip(_true_class(y_true, y_score, positive), eps, 1 - eps))


def brier_losses(
    y_true: NDArray[np.intp], y_score: NDArray[np.float64], *, positive: int | None = None
) -> NDArray[np.float64]:
    """Return the squared errors of the probabilities, (n,).

    For two classes the squared error of one of them, in 0..1; for more classes the sum over them, in 0..2
    (Brier, Monthly Weather Review 78, 1950). Arguments as for :func:`log_losses`.
    """
    if y_score.ndim == 1 or y_score.shape[1] <= 2:
        return (1 - _true_class(y_true, y_score, positive)) ** 2
    error = y_score.copy()
    error[np.arange(y_true.size), y_true] -= 1
    losses: NDArray[np.float64] = np.einsum("ij,ij->i", error, error)
    return losses


def _true_class(
    y_true: NDArray[np.intp], y_score: NDArray[np.float64], positive: int | None
) -> NDArray[np.float64]:
    """Return the predicted probability of the true class, (n,)."""
    if y_score.ndim == 1:
        return np.where(y_true == positive, y_score, 1 - y_score)
    return y_score[np.arange(y_true.size), y_true]
