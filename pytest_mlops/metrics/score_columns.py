"""Predicted probabilities: their validation, and which column belongs to which label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.columns import (
    check_length,
    clip_rounding,
    read_array,
    read_finite,
    refuse_shape,
    rounding_of,
)
from pytest_mlops.metrics.labels import some_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_mlops.metrics.labels import Labels

    Array = NDArray[Any]
    Scores = NDArray[np.float64]

__all__ = ["named_labels", "read_scores"]

ROW_TOLERANCE = 1e-6
"""Maximum deviation of a row of probabilities from a sum of 1; more for float16, by its rounding."""
_WHOLE = {"False": 0, "True": 1}
HINT = "pass labels= in the order of the columns, such as labels=model.classes_"


def read_scores(
    value: object, labels: Labels, *, order: list[Any] | None = None, predicted: bool = True
) -> Scores:
    """Validate probabilities, and sort their columns by label.

    The columns are in the order of ``order``, else of the sorted labels. The most probable labels are held
    against the predicted ones, since columns in another order give valid but wrong numbers.

    Args:
        value: Probabilities of the positive label (n,), or of all K labels (n, K).
        labels: The labels.
        order: The labels in the order of the columns, if known.
        predicted: Whether ``labels.pred`` are predictions; ``False`` if there are none and the true labels
            stand for them.

    Returns:
        Probabilities (n,), or (n, K) in the order of ``labels.classes``.

    Raises:
        RecordingError: another shape, values outside 0..1, rows that do not sum to 1, columns whose labels
            are unknown, or probabilities that contradict the predictions.
    """
    array = read_array("y_score", value)
    if array.ndim not in {1, 2} or array.shape[1:] == (1,):
        refuse_shape("y_score", array)
    if array.dtype.kind == "O" and all(isinstance(item, int | float | np.number) for item in array.flat):
        array = array.astype(np.float64)
    if array.dtype.kind not in "fiub":
        raise RecordingError(
            f"y_score has dtype {array.dtype}; expected probabilities as float, without missing values"
        )
    check_length("y_score", len(array), labels.true.size)
    rounding = rounding_of(array)
    scores = clip_rounding(
        "y_score",
        read_finite("y_score", array),
        0,
        1,
        rounding,
        fix="pass probabilities, not log odds or distances",
    )
    if scores.ndim == 1:
        return _one_column(scores, labels)
    _check_columns(scores, labels, order)
    _check_rows(scores, max(ROW_TOLERANCE, rounding))
    if order is not None:
        scores = scores[:, np.argsort([labels.classes.index(label) for label in order])]
    _check_order(scores, labels, lenient=not predicted or (order is not None and len(order) == 2))
    return scores


def named_labels(value: object, seen: list[Any]) -> list[Any] | None:
    """Return the labels that the columns of a data frame are named after, in their order.

    Args:
        value: The probabilities.
        seen: The labels that occur.

    Returns:
        ``None`` if there are no column names, or only positions while the labels are text.

    Raises:
        RecordingError: the columns have other names.
    """
    # A lazy frame would compute them; it is refused where its values are read.
    columns = None if hasattr(value, "collect") else getattr(value, "columns", None)
    if columns is None or callable(columns):
        return None
    names = list(np.asarray(columns, dtype=object).tolist())
    is_text = isinstance(seen[0], str)
    if len(names) == 1 or (is_text and names == list(range(len(names)))):
        return None
    labels = names if is_text else [_WHOLE.get(str(name), name) for name in names]
    if not is_text:
        labels = [int(label) if str(label).lstrip("-").isdecimal() else label for label in labels]
    if set(seen) <= set(labels):
        return labels
    raise RecordingError(
        f"y_score has the columns {some_labels(names)}, and the labels are {some_labels(seen)};"
        f" expected columns named after the labels, so rename them or {HINT}"
    )


def _one_column(scores: Scores, labels: Labels) -> Scores:
    classes = len(labels.classes)
    if labels.positive is None:
        fix = f"pass shape (n, {classes})" if classes > 2 else "name the positive label with positive="
        raise RecordingError(
            f"y_score has shape {scores.shape} and the labels are {some_labels(labels.classes)};"
            f" expected the probability of each label: {fix}"
        )
    if classes == 2:
        table = np.stack([1 - scores, scores], axis=1)
        _check_order(table if labels.positive == 1 else table[:, ::-1], labels, lenient=True)
    return scores


def _check_columns(scores: Scores, labels: Labels, order: list[Any] | None) -> None:
    classes = labels.classes
    if scores.shape[1] != len(classes):
        raise RecordingError(
            f"y_score has {scores.shape[1]} columns, and y_true with y_pred has {len(classes)} labels,"
            f" {some_labels(classes)}; expected one column per label: {HINT}, which may have labels that do"
            " not occur"
        )
    if order is None and isinstance(classes[0], str) and all(map(_is_number, classes)):
        by_value = sorted(classes, key=float)
        if by_value != classes:
            raise RecordingError(
                f"the labels are numbers as text, and sorted as text they are {some_labels(classes)} while by"
                f" value they are {some_labels(by_value)}, so the order of the columns of y_score is unknown:"
                f" {HINT}"
            )


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _check_rows(scores: Scores, tolerance: float) -> None:
    total = scores.sum(axis=1)
    off = np.abs(total - 1)
    if off.max() > tolerance:
        worst = int(off.argmax())
        raise RecordingError(
            f"y_score sums to {total[worst]:.9g} in row {worst}; expected 1 within {tolerance:g},"
            " so normalise the rows"
        )


def _check_order(scores: Scores, labels: Labels, *, lenient: bool) -> None:
    """Refuse columns (n, K) whose largest value contradicts the predicted labels.

    Decision thresholds may put most predictions off the most probable label. Columns in another order show
    themselves by a cycle: where ``a`` is predicted ``b`` is mostly the most probable, and the other way
    around. If ``lenient`` only a cycle counts, else also a disagreement in most rows.
    """
    rows = np.arange(len(scores))
    top = scores.argmax(axis=1)
    top = np.where(scores[rows, labels.pred] >= scores[rows, top], labels.pred, top)
    agreed = float((top == labels.pred).mean())
    if (agreed < 0.5 and not lenient) or _has_cycle(top, labels.pred, len(labels.classes)):
        raise RecordingError(
            f"argmax of y_score is y_pred in {agreed:.1%} of the rows; the columns were taken to be"
            f" {some_labels(labels.classes)}: if that is another order than the model's, {HINT}"
        )


def _has_cycle(top: NDArray[np.intp], pred: NDArray[np.intp], classes: int) -> bool:
    """Return whether the label that is mostly on top, as a function of the predicted one, has a cycle."""
    mostly = {}
    for code in np.unique(pred).tolist():
        counts = np.bincount(top[pred == code], minlength=classes)
        if 2 * counts.max() > counts.sum():
            mostly[code] = int(counts.argmax())
    for start, first in mostly.items():
        at, steps = first, 1
        while at != start and at in mostly and mostly[at] != at and steps <= classes:
            at, steps = mostly[at], steps + 1
        if at == start and steps > 1:
            return True
    return False
