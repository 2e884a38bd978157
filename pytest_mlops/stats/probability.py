"""Predicted probabilities: ROC AUC, log loss and Brier score."""

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

    V10 of a positive is the share of negatives that score below it, ties counted half, V01 of a negative the
    share of positives above it; AUC = mean(V10), and its variance var(V10)/m + var(V01)/n. In O(n log n), and
    in O(n) where ``score`` is sorted already.

    Args:
        positive: Whether the example is of the positive class (n,).
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
    """Return minus the logarithm of the probability given to the true class, (n,).

    Probabilities are kept off 0 and 1 by the rounding unit of float64, as scikit-learn does.

    Args:
        y_true: Class codes (n,).
        y_score: Probabilities of the positive class (n,), or of every class (n, K).
        positive: Code of the positive class, for scores (n,).
    """
    eps = np.finfo(np.float64).eps
    return -np.log(np.clip(_true_class(y_true, y_score, positive), eps, 1 - eps))


def brier_losses(
    y_true: NDArray[np.intp], y_score: NDArray[np.float64], *, positive: int | None = None
) -> NDArray[np.float64]:
    """Return squared errors of the probabilities, (n,).

    With two classes the squared error of one of them, in 0..1; with more the sum over classes, in 0..2
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
    """Return the probability given to the true class, (n,)."""
    if y_score.ndim == 1:
        return np.where(y_true == positive, y_score, 1 - y_score)
    return y_score[np.arange(y_true.size), y_true]
