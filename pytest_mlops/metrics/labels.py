"""Class labels: task inference, encoding, and which label is the positive one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.columns import PROBABILITIES_HINT, is_whole, not_whole, read_column
from pytest_mlops.names import BINARY, MACRO
from pytest_mlops.text import list_some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Labels", "infer_task", "some_labels"]

_CLOSE = 10_000
FEW = 20
"""Up to so many distinct integers are labels."""
REPEATS = 3
"""Examples per distinct integer, below which integers look like values."""
NEAR = 0.25
"""Largest mean error of wrong predictions, relative to the mean deviation from the median, of values."""


def infer_task(true: Array, pred: Array) -> str:
    """Return ``classification`` or ``regression``, by type and values of true and predicted (n,).

    Text, booleans and integers are labels; fractions are values; whole floats are labels only if there are
    at most two distinct ones.

    Raises:
        RecordingError: the predictions look like probabilities of a binary task, or integers like values.
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
    distinct = np.union1d(true, pred)
    if "f" in kinds:
        return "classification" if distinct.size <= 2 else "regression"
    if distinct.size > FEW and _looks_measured(true, pred, distinct):
        raise RecordingError(
            f"y_true and y_pred are integers with {distinct.size:,} distinct values, which look like values"
            " rather than labels; expected task='regression', or task='classification' if they are labels"
        )
    return "classification"


def _looks_measured(true: Array, pred: Array, distinct: Array) -> bool:
    """Return whether integers are rarely repeated, or wrong predictions are near the true value."""
    wrong = true != pred
    if true.size < REPEATS * distinct.size:
        return True
    if not wrong.any():
        return False
    values = true.astype(np.float64)
    error = np.abs(values - pred)[wrong].mean()
    return bool(error < NEAR * np.abs(values - np.median(values)).mean())


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """Encoded labels.

    What precision, recall and f1 mean follows from the set of labels alone: with 0 and 1, or with a given
    positive label, the binary forms; with more than two labels the ``_macro`` forms.

    Attributes:
        classes: All labels, sorted.
        true: Codes of the true labels, as indices into ``classes`` (n,).
        pred: Codes of the predicted labels (n,).
        positive: Code of the positive label; ``None`` without one.
    """

    classes: list[Any]
    true: NDArray[np.intp]
    pred: NDArray[np.intp]
    positive: int | None

    @classmethod
    def of(cls, true: Array, pred: Array, positive: object = None, *, known: object = None) -> Labels:
        """Encode true and predicted labels (n,).

        Args:
            true: True labels (n,).
            pred: Predicted labels (n,).
            positive: The positive label; by default 1 of 0 and 1, and ``True``.
            known: The complete set of labels (K,), in any order; by default those that occur.

        Raises:
            RecordingError: labels of different kinds, fractions, labels outside ``known``, or an invalid
                ``positive``.
        """
        true, pred = _alike(true, pred)
        every = _distinct(true, pred)
        if known is not None:
            every = _complete(every, known)
        label = _positive(every.tolist(), positive)
        if label is not None:
            every = np.union1d(every, np.array([label]))
        classes = every.tolist()
        return cls(
            classes=classes,
            true=np.searchsorted(every, true),
            pred=np.searchsorted(every, pred),
            positive=None if label is None else classes.index(label),
        )

    @property
    def binary(self) -> bool:
        """Whether precision, recall and f1 are those of one positive label."""
        return self.positive is not None or set(self.classes) <= {0, 1}

    @property
    def averages(self) -> tuple[str, ...]:
        """Names of precision, recall and f1 in the form that is measured."""
        return BINARY if self.binary else MACRO

    @property
    def note(self) -> str:
        """How metrics of these labels are computed."""
        if self.positive is not None:
            return f"binary, positive={self.classes[self.positive]!r}"
        if self.binary:
            return "binary, one class only"
        return f"macro over {len(self.classes)} class{'es' if len(self.classes) > 1 else ''}"

    def require_positive(self) -> None:
        """Refuse two labels of which none is known to be the positive one.

        Raises:
            RecordingError: two labels other than 0 and 1, and no positive one.
        """
        if len(self.classes) == 2 and not self.binary:
            raise RecordingError(
                f"the labels are {some_labels(self.classes)}; precision, recall and f1 are about one of them:"
                f" expected positive=, such as positive={self.classes[1]!r} (or all labels as labels=, if"
                " there are more than these two)"
            )


def _complete(seen: Array, known: object) -> Array:
    """Return the sorted complete set of labels, of the same kind as those that occur."""
    given = read_column("labels", known)
    if (given.dtype.kind == "U") != (seen.dtype.kind == "U") or not _are_labels(given):
        raise RecordingError(
            f"labels has dtype {given.dtype} and the labels that occur are {some_labels(seen.tolist())};"
            " expected all labels, of the same kind"
        )
    every = np.unique(given if given.dtype.kind in "Ub" else given.astype(np.int64))
    if every.size < given.size:
        raise RecordingError(
            f"labels has {given.size} entries and {every.size} distinct ones; expected every label once"
        )
    if strays := sorted(set(seen.tolist()) - set(every.tolist())):
        raise RecordingError(
            f"y_true or y_pred has {some_labels(strays)}, and labels has {some_labels(every.tolist())};"
            " expected no other labels, so add them to labels= or correct the data"
        )
    return every


def _are_labels(array: Array) -> bool:
    """Return whether all values can be labels: text, booleans, whole numbers."""
    return array.dtype.kind == "U" or is_whole(array)


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
    """Return the positive label; ``None`` where none is given, unless the labels are 0 and 1."""
    if positive is None:
        return labels[1] if labels == [0, 1] else None
    label = positive.item() if isinstance(positive, np.generic) else positive
    fits = isinstance(label, str) if isinstance(labels[0], str) else isinstance(label, bool | int | float)
    # If only one label occurs, the positive label may be that one or the missing one.
    if not fits or (label not in labels and len(labels) != 1) or not is_whole(np.array(label)):
        raise RecordingError(f"positive is {label!r:.60}; expected one of the labels, {some_labels(labels)}")
    if len(labels) > 2:
        raise RecordingError(
            f"positive is {label!r:.60}, and there are {len(labels)} labels, {some_labels(labels)};"
            " leave it out for precision_macro, recall_macro and f1_macro, or reduce them to two labels"
        )
    return labels[labels.index(label)] if label in labels else label


def some_labels(labels: list[Any]) -> str:
    """List labels for a message."""
    return list_some([repr(label) for label in labels], 5)
