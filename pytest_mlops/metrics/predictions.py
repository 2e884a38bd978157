"""Metrics of predictions, overall and per slice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.alignment import check_same_index
from pytest_mlops.metrics.columns import (
    check_length,
    check_within,
    is_whole,
    read_column,
    read_ids,
    read_numbers,
    read_slices,
)
from pytest_mlops.metrics.labels import Labels, infer_task
from pytest_mlops.metrics.score_columns import named_labels, read_scores
from pytest_mlops.metrics.slicing import by_slice
from pytest_mlops.names import ALL
from pytest_mlops.stats.classification import classification
from pytest_mlops.stats.estimate import NOT_NEGATIVE, Estimate
from pytest_mlops.stats.probability import brier_losses, log_losses, roc_auc
from pytest_mlops.stats.regression import regression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Measure = Callable[[NDArray[np.bool_]], dict[str, Estimate]]

__all__ = [
    "Predictions",
    "data_digest",
    "measure_predictions",
    "read_baseline",
]


LARGEST = 1e60
"""Maximum magnitude of a regression value: the fourth power of an error must stay finite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """Metrics and arrays of one set of predictions.

    Attributes:
        numbers: (metric, slice, estimate), every metric for ``all`` and for each slice.
        n: Number of examples.
        slice_sizes: Slice name -> number of examples, including ``all``.
        arrays: ``y_true``, ``y_pred``, ``ids``, ``y_score`` if given, and ``slice:NAME`` per slice.
        ids_given: Whether the caller passed ids; otherwise they are positions.
        task: ``classification`` or ``regression``.
        note: How the metrics were computed: averaging, positive label.
        labels: The complete set of labels, sorted, where it was given; ``None`` otherwise.
    """

    numbers: tuple[tuple[str, str, Estimate], ...]
    n: int
    slice_sizes: dict[str, int]
    arrays: dict[str, Array]
    ids_given: bool
    task: str
    note: str | None
    labels: list[Any] | None


def measure_predictions(
    y_true: object,
    y_pred: object,
    *,
    y_score: object = None,
    ids: object = None,
    slices: object = None,
    task: str | None = None,
    positive: object = None,
    labels: object = None,
    predicted: bool = True,
) -> Predictions:
    """Measure predictions, overall and per slice.

    Args:
        y_true: True labels or values (n,).
        y_pred: Predicted labels or values (n,).
        y_score: Probability of the positive class (n,), or of every class (n, K).
        ids: Unique example ids (n,), text or integers; by default positions.
        slices: Slice name -> boolean mask (n,), or one slice name per example (n,).
        task: ``classification`` or ``regression``; by default inferred from the values.
        positive: The positive label of two; by default 1 of 0 and 1, and ``True``.
        labels: All labels (K,), in the order of the columns of ``y_score``; by default those that occur.
        predicted: Whether ``y_pred`` are predictions; ``False`` if the true labels stand for them.

    Raises:
        RecordingError: an argument is not valid evidence; the message names it.
    """
    check_same_index(y_true=y_true, y_pred=y_pred, y_score=y_score, ids=ids, slices=slices)
    true, pred = read_column("y_true", y_true), read_column("y_pred", y_pred)
    n = true.size
    check_length("y_pred", pred.size, n)
    known = np.arange(n) if ids is None else read_ids(ids, n)
    masks = {} if slices is None else read_slices(slices, n)
    if task is None:
        task = infer_task(true, pred)
    arrays: dict[str, Array] = {"y_true": true, "y_pred": pred, "ids": known}
    found, order = None, None
    if task == "classification":
        order = _label_order(labels, y_score, true, pred)
        found = Labels.of(true, pred, positive, known=order)
        found.require_positive()
        if y_score is not None:
            arrays["y_score"] = read_scores(y_score, found, order=order, predicted=predicted)
        measure, note = _classification(found, arrays.get("y_score")), found.note
    elif task == "regression":
        others = {"y_score": y_score, "positive": positive, "labels": labels}
        measure, note = _regression(true, pred, others), None
    else:
        raise RecordingError(f"task is {task!r:.60}; expected 'classification' or 'regression'")
    parts = {ALL: np.ones(n, dtype=np.bool_), **masks}
    return Predictions(
        numbers=by_slice(measure, parts),
        n=n,
        slice_sizes={name: int(mask.sum()) for name, mask in parts.items()},
        arrays=arrays | {f"slice:{name}": mask for name, mask in masks.items()},
        ids_given=ids is not None,
        task=task,
        note=note,
        labels=found.classes if found is not None and order is not None else None,
    )


def _label_order(labels: object, y_score: object, true: Array, pred: Array) -> list[Any] | None:
    """Return the complete labels in the order of the columns: those given, or a data frame's column names."""
    if labels is not None:
        return list(read_column("labels", labels).tolist())
    if y_score is None:
        return None
    return named_labels(y_score, list(np.union1d(true, pred).tolist()))


def data_digest(ids: Array | None, y_true: Array) -> str:
    """Return a SHA-256 over ids and true values, as hex; equal digests mean the same data.

    Args:
        ids: Example ids (n,), in any order; ``None`` for positions.
        y_true: True labels or values (n,); numbers are hashed by value, independent of their type.
    """
    digest = hashlib.sha256(b"pytest-mlops examples 1\n")
    if ids is not None:
        order = np.argsort(ids, kind="stable")
        ids, y_true = ids[order], y_true[order]
    for array in (ids, y_true):
        digest.update(b"position\n" if array is None else _canonical(array))
    return digest.hexdigest()


def _canonical(array: Array) -> bytes:
    """Serialise values independent of their type, with kind and length as a prefix."""
    if array.dtype.kind == "U":
        data = json.dumps(array.tolist(), ensure_ascii=False).encode("utf-8", "surrogatepass")
        return b"text %d\n" % len(data) + data
    if is_whole(array):
        return b"whole %d\n" % array.size + array.astype("<i8").tobytes()
    return b"float %d\n" % array.size + (array.astype("<f8") + 0.0).tobytes()


def _classification(labels: Labels, score: NDArray[np.float64] | None) -> Measure:
    """Return a function that measures labels, and probabilities if given, on a mask."""
    probabilities = None if score is None else _probabilities(labels, score)

    def measure(mask: NDArray[np.bool_]) -> dict[str, Estimate]:
        chosen = np.flatnonzero(mask)
        true, pred = labels.true[chosen], labels.pred[chosen]
        found = classification(true, pred, len(labels.classes), positive=labels.positive)
        if labels.positive is not None:
            found |= {name: replace(found[name], note=labels.note) for name in labels.averages}
        elif labels.binary:  # one label alone, 0 or 1, for which the averages are undefined
            found = {name.removesuffix("_macro"): estimate for name, estimate in found.items()}
        return found if probabilities is None else found | probabilities(mask)

    return measure


def _probabilities(labels: Labels, score: NDArray[np.float64]) -> Measure:
    """Return a function that measures log loss, Brier score and (for two labels) ROC AUC on a mask."""
    losses = {
        "log_loss": log_losses(labels.true, score, positive=labels.positive),
        "brier": brier_losses(labels.true, score, positive=labels.positive),
    }
    if score.ndim == 2 and len(labels.classes) > 2:
        note = "sum over classes"
        return lambda mask: {
            "log_loss": Estimate.mean(losses["log_loss"][mask], range=NOT_NEGATIVE),
            "brier": replace(Estimate.mean(losses["brier"][mask], range=NOT_NEGATIVE), note=note),
        }
    reference = len(labels.classes) - 1 if labels.positive is None else labels.positive
    chance = score if score.ndim == 1 else score[:, reference]
    # Sorted once, so that the sort inside roc_auc is fast on every slice.
    order = np.argsort(chance, kind="stable")
    chance, positive = chance[order], (labels.true == reference)[order]
    losses = {name: loss[order] for name, loss in losses.items()}
    note = f"positive={labels.classes[reference]!r}"

    def measure(mask: NDArray[np.bool_]) -> dict[str, Estimate]:
        chosen = np.flatnonzero(mask[order])
        auc = replace(roc_auc(positive[chosen], chance[chosen]), note=note)
        return {
            "roc_auc": auc,
            **{name: Estimate.mean(loss[chosen], range=NOT_NEGATIVE) for name, loss in losses.items()},
        }

    return measure


def _regression(true: Array, pred: Array, others: Mapping[str, object]) -> Measure:
    for argument, value in others.items():
        if value is not None:
            raise RecordingError(
                f"{argument} is given, but the task is regression; leave it out, or set task='classification'"
            )
    y_true, y_pred = read_numbers("y_true", true), read_numbers("y_pred", pred)
    for argument, values in (("y_true", y_true), ("y_pred", y_pred)):
        check_within(argument, values, -LARGEST, LARGEST, "use a larger unit")

    def measure(mask: NDArray[np.bool_]) -> dict[str, Estimate]:
        chosen = np.flatnonzero(mask)
        return regression(y_true[chosen], y_pred[chosen])

    return measure


def read_baseline(
    found: Predictions, baseline: object, baseline_score: object, *, positive: object, labels: object = None
) -> dict[str, Array]:
    """Validate the predictions of a baseline on the candidate's examples.

    Args:
        found: The candidate's predictions.
        baseline: Labels or values predicted by the baseline (n,).
        baseline_score: Its probabilities, as ``y_score``; ``None`` for none.
        positive: The positive label, as for the candidate.
        labels: All labels in the order of the columns, as for the candidate.

    Returns:
        The arrays ``baseline`` and, if given, ``baseline_score``.

    Raises:
        RecordingError: an argument is not valid evidence; the message names it.
    """
    if baseline is None:
        if baseline_score is not None:
            raise RecordingError("baseline_score is given without baseline; pass baseline too")
        return {}
    answers = read_column("baseline", baseline)
    check_length("baseline", answers.size, found.n)
    if found.task == "regression":
        if baseline_score is not None:
            raise RecordingError("baseline_score is given, but the task is regression; leave it out")
        answers = read_numbers("baseline", answers)
        check_within("baseline", answers, -LARGEST, LARGEST, "use a larger unit")
        return {"baseline": answers}
    arrays = {"baseline": answers}
    try:
        order = _label_order(labels, baseline_score, found.arrays["y_true"], answers)
        known = Labels.of(found.arrays["y_true"], answers, positive, known=order)
        if baseline_score is not None:
            arrays["baseline_score"] = read_scores(baseline_score, known, order=order)
    except RecordingError as error:
        message = str(error).replace("y_pred", "baseline").replace("y_score", "baseline_score")
        raise RecordingError(message) from error
    return arrays
