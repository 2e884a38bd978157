"""Paired comparison: how far two models differ on the same examples, metric by metric, slice by slice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.metrics.labels import Labels
from pytest_mlops.names import ALL
from pytest_mlops.stats import confusion, delong, mcnemar, normal, tango
from pytest_mlops.stats.count_bootstrap import count_bootstrap, joint_cells
from pytest_mlops.stats.paired_mean import paired_mean
from pytest_mlops.stats.probability import brier_losses, log_losses
from pytest_mlops.stats.regression import influences
from pytest_mlops.stats.replicates import Replicates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Mask = NDArray[np.bool_]

__all__ = ["PairedDelta", "compare_classification", "compare_regression", "compare_values"]

REPLICATES = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDelta:
    """The difference candidate − baseline of one metric on one slice.

    Attributes:
        metric: Name of the metric.
        slice: Name of the slice.
        n: Paired examples that it rests on.
        candidate: Value of the candidate.
        baseline: Value of the baseline.
        delta: Candidate minus baseline.
        lower: One-sided lower confidence bound of the difference.
        upper: One-sided upper bound, at the same confidence.
        p_decrease: P value of the hypothesis that the metric did not go down; small where it did.
        p_increase: P value of the hypothesis that it did not go up.
        variance: Of the per-example difference, which power is planned with; ``None`` where not known.
        method: What was used.
        undefined: Why there is no difference, all numbers then being ``None``.
    """

    metric: str
    slice: str
    n: int
    candidate: float | None = None
    baseline: float | None = None
    delta: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_decrease: float | None = None
    p_increase: float | None = None
    variance: float | None = None
    method: str = ""
    undefined: str | None = None


def compare_classification(
    true: Array,
    candidate: Array,
    baseline: Array,
    *,
    scores: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    slices: Mapping[str, Mask],
    positive: object = None,
    confidence: float = 0.95,
    seed: int,
) -> list[PairedDelta]:
    """Compare the labels that two models predict for the same examples.

    Accuracy and the recall of a binary task are paired shares (Tango's interval, McNemar's mid-p test);
    precision, F1 and what is averaged over classes come from a bootstrap of the joint counts; ROC AUC from
    DeLong's covariance; log loss and Brier score from paired per-example losses.

    Args:
        true: True labels (n,).
        candidate: Labels that the candidate predicts (n,).
        baseline: Labels that the baseline predicts (n,).
        scores: Probability of the positive class by candidate and baseline, (n,) each.
        slices: Slice name -> mask (n,); ``all`` is added.
        positive: The positive label, as for the recorder.
        confidence: One-sided, of each bound.
        seed: Of the bootstrap.
    """
    known = Labels.of(np.concatenate([true, true]), np.concatenate([candidate, baseline]), positive)
    n = true.size
    codes, ours, theirs = known.true[:n], known.pred[:n], known.pred[n:]
    found: list[PairedDelta] = []
    for name, mask in _parts(slices, n):
        chosen = np.flatnonzero(mask)
        rows = (codes[chosen], ours[chosen], theirs[chosen])
        found += _labels(name, rows, known, confidence=confidence, seed=seed)
        if scores is not None and known.positive is not None and chosen.size:
            pair = (scores[0][chosen], scores[1][chosen])
            found += _probabilities(name, rows[0], pair, known.positive, confidence)
    return found


def compare_regression(
    true: NDArray[np.float64],
    candidate: NDArray[np.float64],
    baseline: NDArray[np.float64],
    *,
    slices: Mapping[str, Mask],
    confidence: float = 0.95,
) -> list[PairedDelta]:
    """Compare the values that two models predict for the same examples, shapes (n,).

    MAE and MSE are means of paired losses; RMSE and R² go by the paired differences of their influence values.
    """
    found = []
    for name, mask in _parts(slices, true.size):
        y, ours, theirs = true[mask], candidate[mask], baseline[mask]
        if y.size < 2:
            metrics = ("mae", "mse", "rmse", "r2")
            found += [_undefined(metric, name, y.size, "fewer than two examples") for metric in metrics]
            continue
        first, second = influences(y, ours), influences(y, theirs)
        for metric, (value, influence) in first.items():
            other, other_influence = second[metric]
            if value is None or other is None:
                found.append(_undefined(metric, name, y.size, "y_true is constant"))
                continue
            change = influence - other_influence
            found.append(_by_mean(metric, name, (value, other), change + (value - other), confidence))
    return found


def compare_values(
    metric: str,
    candidate: NDArray[np.float64],
    baseline: NDArray[np.float64],
    *,
    slices: Mapping[str, Mask],
    confidence: float = 0.95,
) -> list[PairedDelta]:
    """Compare the mean of any per-example score or loss of two models on the same examples, shapes (n,)."""
    return [
        _compare_mean(metric, name, candidate[mask], baseline[mask], confidence)
        for name, mask in _parts(slices, candidate.size)
    ]


def _compare_mean(
    metric: str, part: str, ours: NDArray[np.float64], theirs: NDArray[np.float64], confidence: float
) -> PairedDelta:
    if ours.size < 2:
        return _undefined(metric, part, ours.size, "fewer than two examples")
    means = (float(ours.mean()), float(theirs.mean()))
    return _by_mean(metric, part, means, ours - theirs, confidence)


def _parts(slices: Mapping[str, Mask], n: int) -> Iterator[tuple[str, Mask]]:
    yield ALL, np.ones(n, dtype=np.bool_)
    yield from slices.items()


def _undefined(metric: str, part: str, n: int, why: str) -> PairedDelta:
    return PairedDelta(metric=metric, slice=part, n=n, undefined=why)


def _by_mean(
    metric: str, part: str, values: tuple[float, float], change: NDArray[np.float64], confidence: float
) -> PairedDelta:
    mean = paired_mean(change)
    return PairedDelta(
        metric=metric,
        slice=part,
        n=mean.n,
        candidate=values[0],
        baseline=values[1],
        delta=values[0] - values[1],
        lower=mean.lower(confidence),
        upper=mean.upper(confidence),
        p_decrease=mean.p_below(),
        p_increase=paired_mean(-change).p_below(),
        variance=mean.stderr**2 * mean.n,
        method="paired t",
    )


def _labels(
    part: str, rows: tuple[Array, Array, Array], known: Labels, *, confidence: float, seed: int
) -> list[PairedDelta]:
    true, ours, theirs = rows
    names = ("accuracy", "precision", "recall", "f1")
    if not true.size:
        return [_undefined(name, part, 0, "no examples in the slice") for name in names]
    found = {"accuracy": _paired_share("accuracy", part, ours == true, theirs == true, confidence)}
    if known.positive is not None:
        members = true == known.positive
        found["recall"] = _paired_share(
            "recall", part, ours[members] == known.positive, theirs[members] == known.positive, confidence
        )
    metrics = {
        name: partial(getattr(confusion, name), positive=known.positive)
        for name in ("precision", "recall", "f1")
        if name not in found
    }
    cells = joint_cells(true, ours, theirs, classes=len(known.classes))
    single = [joint_cells(true, pred, classes=len(known.classes)) for pred in (ours, theirs)]
    drawn = count_bootstrap(cells, metrics, seed=seed, replicates=REPLICATES)
    for name, metric in metrics.items():
        values = tuple(
            count_bootstrap(one, {name: metric}, seed=seed, replicates=1)[name].estimate for one in single
        )
        found[name] = _by_replicates(name, part, true.size, (values[0], values[1]), drawn[name], confidence)
    return [found[name] for name in names]


def _paired_share(metric: str, part: str, ours: Mask, theirs: Mask, confidence: float) -> PairedDelta:
    n = ours.size
    if not n:
        return _undefined(metric, part, 0, "no positive examples in the slice")
    gained, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    candidate, baseline = float(ours.mean()), float(theirs.mean())
    return PairedDelta(
        metric=metric,
        slice=part,
        n=n,
        candidate=candidate,
        baseline=baseline,
        delta=(gained - lost) / n,
        lower=tango.lower_bound(gained, lost, n, confidence),
        upper=tango.upper_bound(gained, lost, n, confidence),
        p_decrease=float(mcnemar.mid_p(gained, lost)),
        p_increase=float(mcnemar.mid_p(lost, gained)),
        variance=(gained + lost) / n,
        method="Tango, McNemar mid-p",
    )


def _by_replicates(
    metric: str, part: str, n: int, values: tuple[float, float], drawn: Replicates, confidence: float
) -> PairedDelta:
    if not math.isfinite(drawn.estimate):
        return _undefined(metric, part, n, "a model predicts no positive example, or there is none")
    mirrored = Replicates(
        estimate=-drawn.estimate,
        values=-drawn.values[::-1],
        undefined=drawn.undefined,
        least=-drawn.largest,
        largest=-drawn.least,
    )
    return PairedDelta(
        metric=metric,
        slice=part,
        n=n,
        candidate=values[0],
        baseline=values[1],
        delta=drawn.estimate,
        lower=drawn.lower(confidence),
        upper=drawn.upper(confidence),
        p_decrease=drawn.p_below(),
        p_increase=mirrored.p_below(),
        variance=None if math.isnan(drawn.stderr) else drawn.stderr**2 * n,
        method=f"bootstrap of counts, {drawn.size:,} replicates",
    )


def _probabilities(
    part: str,
    true: Array,
    pair: tuple[NDArray[np.float64], NDArray[np.float64]],
    positive: int,
    confidence: float,
) -> list[PairedDelta]:
    ours, theirs = pair
    found = [_auc(part, true == positive, ours, theirs, confidence)]
    for metric, losses in (("log_loss", log_losses), ("brier", brier_losses)):
        first, second = (losses(true, score, positive=positive) for score in pair)
        found.append(_compare_mean(metric, part, first, second, confidence))
    return found


def _auc(
    part: str,
    positive: Mask,
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    confidence: float,
) -> PairedDelta:
    found = delong.paired_auc(positive, ours, theirs)
    difference = found.difference
    if difference.value is None or difference.stderr is None:
        return _undefined("roc_auc", part, positive.size, difference.undefined or "one example of a class")
    stderr = difference.stderr
    p_decrease = delong.p_below(difference)
    p_increase = delong.p_below(delong.paired_auc(positive, theirs, ours).difference)
    return PairedDelta(
        metric="roc_auc",
        slice=part,
        n=positive.size,
        candidate=found.candidate,
        baseline=found.baseline,
        delta=difference.value,
        lower=normal.lower_bound(difference.value, stderr, confidence),
        upper=normal.upper_bound(difference.value, stderr, confidence),
        p_decrease=p_decrease,
        p_increase=p_increase,
        variance=stderr**2 * positive.size,
        method="DeLong",
    )
