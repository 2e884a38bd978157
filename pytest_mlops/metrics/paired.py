"""Paired comparison of two models on the same examples, by metric and slice."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.influence import largest_influences
from pytest_mlops.metrics.labels import Labels
from pytest_mlops.metrics.paired_delta import (
    FEW,
    PairedDelta,
    area_delta,
    mean_delta,
    replicates_delta,
    share_delta,
    undefined_delta,
    values_delta,
)
from pytest_mlops.metrics.slicing import EMPTY
from pytest_mlops.names import ALL
from pytest_mlops.stats import confusion
from pytest_mlops.stats.count_bootstrap import count_bootstrap, count_codes, joint_codes, observed
from pytest_mlops.stats.probability import brier_losses, log_losses
from pytest_mlops.stats.regression import influences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from pytest_mlops.stats.count_bootstrap import JointCells

    Array = NDArray[Any]
    Mask = NDArray[np.bool_]
    Scores = tuple[NDArray[np.float64], NDArray[np.float64]]

__all__ = ["REPLICATES", "compare_classification", "compare_regression", "compare_values"]

REPLICATES = 10_000
DRAWN_CELLS = 10_000_000
"""Budget of counts (replicates × cells) per slice, about a second; many classes get fewer replicates."""
FEWEST_REPLICATES = 1_000


def compare_classification(
    true: Array,
    candidate: Array,
    baseline: Array,
    *,
    scores: Scores | None = None,
    slices: Mapping[str, Mask],
    positive: object = None,
    labels: object = None,
    confidence: float = 0.95,
    replicates: int = REPLICATES,
    seed: int,
) -> list[PairedDelta]:
    """Compare the labels that two models predict for the same examples.

    Accuracy and the recall of a binary task are paired proportions (Tango's interval, McNemar's mid-p test).
    Precision, F1 and macro averages use a bootstrap of the joint counts, ROC AUC uses DeLong's covariance,
    and log loss and Brier score use Student's t of paired per-example losses, adjusted for skewness.

    Args:
        true: True labels (n,).
        candidate: Labels predicted by the candidate (n,).
        baseline: Labels predicted by the baseline (n,).
        scores: Probabilities of candidate and baseline, for the positive class (n,) or every class (n, K).
        slices: Slice name -> mask (n,); ``all`` is added.
        positive: The positive label, as for the recorder.
        labels: The complete set of labels; by default those that occur.
        confidence: One-sided confidence level of each bound.
        replicates: Number of bootstrap replicates; K tests at level α need more than K/α.
        seed: Seed of the bootstrap.

    Returns:
        The difference of every metric on every slice.

    Raises:
        RecordingError: labels of different kinds, or an invalid ``positive``.
    """
    # NumPy would convert numbers to text.
    if len({array.dtype.kind == "U" for array in (true, candidate, baseline)}) > 1:
        raise RecordingError(
            "some of true labels, candidate and baseline are text and others numbers; expected the same kind"
        )
    known = Labels.of(true, np.concatenate([candidate, baseline]), positive, known=labels)
    n, classes = true.size, len(known.classes)
    codes = joint_codes(known.true, known.pred[:n], known.pred[n:], classes=classes)
    found: list[PairedDelta] = []
    for name, mask in _parts(slices, n):
        cells = count_codes(codes[mask], models=2, classes=classes)
        found += _labels(name, cells, known, confidence, replicates, seed)
        if scores is not None:
            pair = (scores[0][mask], scores[1][mask])
            found += _probabilities(name, known.true[mask], pair, known, confidence)
    return found


def compare_regression(
    true: NDArray[np.float64],
    candidate: NDArray[np.float64],
    baseline: NDArray[np.float64],
    *,
    slices: Mapping[str, Mask],
    confidence: float = 0.95,
) -> list[PairedDelta]:
    """Compare the values that two models predict for the same examples, all of shape (n,).

    MAE and MSE are means of paired losses; RMSE and R² use paired differences of influence values. Arguments
    as for :func:`compare_classification`.
    """
    found = []
    for name, mask in _parts(slices, true.size):
        y, ours, theirs = true[mask], candidate[mask], baseline[mask]
        if y.size < 2:
            metrics = ("mae", "mse", "rmse", "r2", "mean_error")
            found += [undefined_delta(metric, name, y.size, FEW if y.size else EMPTY) for metric in metrics]
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                found += _errors(name, y, ours, theirs, confidence)
    return found


def compare_values(
    metric: str,
    candidate: NDArray[np.float64],
    baseline: NDArray[np.float64],
    *,
    slices: Mapping[str, Mask],
    confidence: float = 0.95,
) -> list[PairedDelta]:
    """Compare the mean of a per-example score or loss of two models on the same examples, shapes (n,)."""
    return [
        values_delta(metric, name, candidate[mask], baseline[mask], confidence)
        for name, mask in _parts(slices, candidate.size)
    ]


def _parts(slices: Mapping[str, Mask], n: int) -> Iterator[tuple[str, Mask]]:
    yield ALL, np.ones(n, dtype=np.bool_)
    yield from slices.items()


def _errors(
    part: str,
    true: NDArray[np.float64],
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    confidence: float,
) -> list[PairedDelta]:
    largest, larger = largest_influences(true, ours, theirs, confidence)
    second = influences(true, theirs)
    pairs = {name: (*pair, *second[name]) for name, pair in influences(true, ours).items()}
    means = float((ours - true).mean()), float((theirs - true).mean())
    pairs["mean_error"] = (means[0], ours - means[0], means[1], theirs - means[1])
    found = []
    for metric, (value, influence, other, other_influence) in pairs.items():
        if value is None or other is None:
            found.append(undefined_delta(metric, part, true.size, "y_true is constant"))
            continue
        change = influence - other_influence + (value - other)
        found.append(
            mean_delta(
                metric,
                part,
                (value, other),
                change,
                confidence,
                influence=largest[metric],
                magnitude=larger * largest[metric],
            )
        )
    return found


def _labels(
    part: str, cells: JointCells, known: Labels, confidence: float, replicates: int, seed: int
) -> list[PairedDelta]:
    n, positive, names = cells.n, known.positive, ("accuracy", *known.averages)
    if not n:
        return [undefined_delta(name, part, 0, EMPTY) for name in names]
    shares = {"accuracy": _share("accuracy", part, cells, np.ones(cells.true.size, np.bool_), confidence)}
    if positive is not None:
        shares["recall"] = _share("recall", part, cells, cells.true == positive, confidence)
    metrics = {
        name: partial(getattr(confusion, name.removesuffix("_macro")), positive=positive)
        for name in names
        if name not in shares
    }
    affordable = max(FEWEST_REPLICATES, DRAWN_CELLS // cells.true.size)
    drawn = count_bootstrap(cells, metrics, seed=seed, replicates=min(replicates, affordable))
    found = []
    for name in names:
        if name in shares:
            found.append(shares[name])
            continue
        ours, theirs = observed(cells, metrics[name])
        found.append(
            replicates_delta(
                name,
                part,
                n,
                (ours, theirs),
                drawn[name],
                support=_alike(name, cells, positive),
                required=replicates,
                confidence=confidence,
            )
        )
    return found


def _share(metric: str, part: str, cells: JointCells, chosen: Mask, confidence: float) -> PairedDelta:
    count, n = cells.count, int(cells.count[chosen].sum())
    if not n:
        return undefined_delta(metric, part, 0, "no positive examples in the slice")
    ours, theirs = (chosen & (pred == cells.true) for pred in cells.pred)
    return share_delta(
        metric,
        part,
        n,
        gained=int(count[ours & ~theirs].sum()),
        lost=int(count[theirs & ~ours].sum()),
        right=int(count[ours].sum()),
        confidence=confidence,
    )


def _alike(metric: str, cells: JointCells, positive: int | None) -> float:
    """Return the effective number of examples that determine the metric."""
    if positive is None:
        sizes = np.bincount(cells.true, cells.count)
        # The smallest class has the largest weight per example, and is one of K classes in the average.
        return float(sizes[sizes > 0].min() * np.count_nonzero(sizes))
    relevant = (cells.pred[0] == positive) | (cells.pred[1] == positive)
    if metric == "f1":
        relevant = relevant | (cells.true == positive)
    return float(max(1, cells.count[relevant].sum()))


def _probabilities(
    part: str, true: NDArray[np.intp], pair: Scores, known: Labels, confidence: float
) -> list[PairedDelta]:
    classes, shapes = len(known.classes), {scores.shape[1:] for scores in pair}
    binary = known.positive is not None or classes == 2
    metrics = ("roc_auc", "log_loss", "brier") if binary else ("log_loss", "brier")
    if len(shapes) > 1 or shapes not in ({()}, {(classes,)}):
        why = "the probabilities of the two runs are for different labels"
        return [undefined_delta(metric, part, true.size, why) for metric in metrics]
    if not true.size:
        return [undefined_delta(metric, part, 0, EMPTY) for metric in metrics]
    found = []
    if binary:
        reference = 1 if known.positive is None else known.positive
        ours, theirs = (scores if scores.ndim == 1 else scores[:, reference] for scores in pair)
        found.append(area_delta(part, true == reference, ours, theirs, confidence))
    # The log loss is unbounded, so the largest observed loss is used.
    for metric, losses, influence in (
        ("log_loss", log_losses, None),
        ("brier", brier_losses, 1.0 if binary else 2.0),
    ):
        first, second = (losses(true, scores, positive=known.positive) for scores in pair)
        found.append(values_delta(metric, part, first, second, confidence, influence=influence))
    return found
