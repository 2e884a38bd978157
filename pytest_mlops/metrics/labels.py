"""Class labels: task inference, encoding, and validation of predicted probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.columns import (
    PROBABILITIES_HINT,
    check_length,
    check_within,
    is_whole,
    not_whole,
    read_array,
    read_finite,
    refuse_shape,
)
from pytest_mlops.text import list_some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Labels", "infer_task", "read_scores"]

_CLOSE = 10_000
ROW_TOLERANCE = 1e-6
"""Maximum deviation of a row of probabilities from a sum of 1."""


def infer_task(true: Array, pred: Array) -> str:
    """Return ``classification`` or ``regression``, by type and values of true and predicted (n,).

    Text, booleans and integers are labels; fractions are values; whole floats are labels only if there are
    at most two distinct ones.

    Raises:
        RecordingError: the predictions look like probabilities of a binary task.
    """
    kinds = {true.dtype.kind, pred.dtype.kind}
    if kinds & {"U", "b"}:
        return "classification"
    if not (is_whole(true) and is_whole(pred)):
        few = is_whole(true) and ((true == true.min()) | (true == true.max())).all()
        if few and pred.min() >= 0 and pred.max() <= 1:
            raise RecordingError(
                "y_pred has fractions in 0..1 and y_true at most two values, like probabilities;"
                f" {PROBABILITIES_HINT}, or set task='regression'"
            )
        return "regression"
    if "f" not in kinds or np.union1d(true, pred).size <= 2:
        return "classification"
    return "regression"


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """Encoded labels.

    Attributes:
        classes: All occurring labels and the positive one, sorted.
        true: Codes of the true labels, as indices into ``classes`` (n,).
        pred: Codes of the predicted labels (n,).
        positive: Code of the positive label; ``None`` for macro averages.
    """

    classes: list[Any]
    true: NDArray[np.intp]
    pred: NDArray[np.intp]
    positive: int | None

    @classmethod
    def of(cls, true: Array, pred: Array, positive: object) -> Labels:
        """Encode true and predicted labels (n,).

        Raises:
            RecordingError: labels of different kinds, fractions, or an invalid ``positive``.
        """
        true, pred = _alike(true, pred)
        seen = _distinct(true, pred)
        label = _positive(seen.tolist(), positive)
        known = seen if label is None else np.union1d(seen, np.array([label]))
        classes = known.tolist()
        return cls(
            classes=classes,
            true=np.searchsorted(known, true),
            pred=np.searchsorted(known, pred),
            positive=None if label is None else classes.index(label),
        )

    @property
    def note(self) -> str:
        """How metrics of these labels are computed."""
        if self.positive is not None:
            return f"binary, positive={self.classes[self.positive]!r}"
        hint = "; positive= makes it binary" if len(self.classes) == 2 else ""
        return f"macro over {len(self.classes)} class{'es' if len(self.classes) > 1 else ''}{hint}"


def _distinct(true: Array, pred: Array) -> Array:
    """Return the sorted distinct labels of both; integers in a small range are counted, not sorted."""
    if true.dtype.kind != "i":
        return np.union1d(true, pred)
    low, high = min(true.min(), pred.min()), max(true.max(), pred.max())
    if not 0 <= int(high) - int(low) < _CLOSE:
        return np.union1d(true, pred)
    seen = np.zeros(int(high - low) + 1, dtype=np.bool_)
    for labels in (true, pred):
        seen[labels - low] = True
    found: Array = np.flatnonzero(seen) + low
    return found


def _alike(true: Array, pred: Array) -> tuple[Array, Array]:
    """Convert both to one label type: text, bool or int64."""
    columns = {"y_true": true, "y_pred": pred}
    if (true.dtype.kind == "U") != (pred.dtype.kind == "U"):
        held = {name: "text" if array.dtype.kind == "U" else array.dtype for name, array in columns.items()}
        raise RecordingError(
            f"y_pred is {held['y_pred']} and y_true is {held['y_true']}; expected labels of the same kind, so"
            " convert one of them with .astype"
        )
    if true.dtype.kind == pred.dtype.kind and true.dtype.kind in "Ub":
        return true, pred
    for argument, array in columns.items():
        if (fraction := not_whole(array)).any():
            first = int(fraction.argmax())
            raise RecordingError(
                f"{argument} is {array[first]:g} at position {first}; expected labels (text, booleans, whole"
                f" numbers): {PROBABILITIES_HINT}"
            )
    return true.astype(np.int64), pred.astype(np.int64)


def _positive(labels: list[Any], positive: object) -> Any:
    """Return the positive label; ``None`` for macro averages."""
    if positive is None:
        return labels[1] if labels in ([0, 1], [-1, 1]) else None
    label = positive.item() if isinstance(positive, np.generic) else positive
    fits = isinstance(label, str) if isinstance(labels[0], str) else isinstance(label, bool | int | float)
    # If only one label occurs, the positive label may be that one or the missing one.
    if not fits or (label not in labels and len(labels) != 1) or not is_whole(np.array(label)):
        raise RecordingError(f"positive is {label!r:.60}; expected one of the labels, {_some(labels)}")
    if len(labels) > 2:
        raise RecordingError(
            f"positive is {label!r:.60}, and there are {len(labels)} labels, {_some(labels)};"
            " leave it out for macro averages, or reduce them to two labels"
        )
    return labels[labels.index(label)] if label in labels else label


def _some(labels: list[Any]) -> str:
    return list_some([repr(label) for label in labels], 5)


def read_scores(value: object, labels: Labels) -> NDArray[np.float64]:
    """Validate probabilities of the positive label (n,), or of all K labels in sorted order (n, K).

    Raises:
        RecordingError: another shape, values outside 0..1, or rows that do not sum to 1.
    """
    array = read_array("y_score", value)
    if array.ndim not in {1, 2} or array.shape[1:] == (1,):
        refuse_shape("y_score", array)
    if array.dtype.kind not in "fiub":
        raise RecordingError(
            f"y_score has dtype {array.dtype}; expected probabilities as float, without missing values"
        )
    check_length("y_score", len(array), labels.true.size)
    scores = read_finite("y_score", array)
    check_within("y_score", scores, 0, 1, "pass probabilities, not log odds or distances")
    classes = len(labels.classes)
    if scores.ndim == 1 and labels.positive is None:
        fix = f"pass shape (n, {classes})" if classes > 2 else "name the positive label with positive="
        raise RecordingError(
            f"y_score has shape {scores.shape} and the labels are {_some(labels.classes)};"
            f" expected the probability of each label: {fix}"
        )
    if scores.ndim == 2:
        _check_rows(scores, labels.classes)
    return scores


def _check_rows(scores: NDArray[np.float64], classes: list[Any]) -> None:
    if scores.shape[1] != len(classes):
        raise RecordingError(
            f"y_score has {scores.shape[1]} columns, and y_true with y_pred has {len(classes)} labels,"
            f" {_some(classes)}; expected one column per label, in sorted order"
        )
    total = scores.sum(axis=1)
    off = np.abs(total - 1)
    if off.max() > ROW_TOLERANCE:
        worst = int(off.argmax())
        raise RecordingError(
            f"y_score sums to {total[worst]:.9g} in row {worst}; expected 1 within {ROW_TOLERANCE:g},"
            " so normalise the rows"
        )
