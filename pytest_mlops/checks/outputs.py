"""What a model answers to rows, as finite arrays of the length of what it was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_mlops.checks.data import count_rows
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.columns import read_array, read_column, read_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Output", "answers", "describe", "probability_of", "read_answer"]

Output = Literal["predict", "predict_proba"]
"""Method of the model that is asked."""


def answers(model: object, inputs: Any, *, output: Output = "predict") -> Array:
    """Return what the model answers: labels or values (n,), or numbers (n, K).

    Raises:
        IncompleteEvidence: the model has no such method, or answers another number of rows.
        RecordingError: an answer is missing, NaN or infinite.
    """
    ask = getattr(model, output, None)
    if ask is None:
        raise IncompleteEvidence(f"the model, a {type(model).__name__}, has no {output}; use another output:")
    return read_answer(ask(inputs), count_rows(inputs), output=output)


def read_answer(answer: object, n: int, *, output: Output = "predict") -> Array:
    """Return an answer to ``n`` rows: labels or values (n,), or numbers (n, K).

    Raises:
        IncompleteEvidence: it is for another number of rows.
        RecordingError: an answer is missing, NaN or infinite.
    """
    array = read_array(f"the answer of {output}", answer)
    if array.ndim == 0 or len(array) != n:
        got = "one value" if array.ndim == 0 else f"{len(array)} answers"
        raise IncompleteEvidence(f"{output} gave {got} for {n} rows; expected one answer per row")
    if array.shape[1:] == (1,):
        array = array[:, 0]
    if array.ndim == 1:
        return read_column(f"the answer of {output}", array)
    if array.dtype.kind not in "fiub":
        raise IncompleteEvidence(
            f"{output} gave dtype {array.dtype} in {array.ndim} dimensions; give numbers"
        )
    return read_finite(f"the answer of {output}", array)


def probability_of(model: object, scores: Array, label: object) -> NDArray[np.float64]:
    """Return the column of ``scores`` (n, K) that is of ``label``; of two columns the second by default.

    Raises:
        IncompleteEvidence: it cannot be told which column that is.
    """
    if scores.ndim == 1:
        return scores.astype(np.float64)
    if label is None:
        if scores.shape[1] != 2:
            raise IncompleteEvidence(f"predict_proba gives {scores.shape[1]} columns; say which with label:")
        return np.asarray(scores[:, 1], dtype=np.float64)
    classes = np.asarray(getattr(model, "classes_", ())).tolist()
    if label not in classes:
        raise IncompleteEvidence(f"label is {label!r}; expected one of the model's classes_, {classes}")
    return np.asarray(scores[:, classes.index(label)], dtype=np.float64)


def describe(answer: Any) -> str:
    """Write one answer for people, at most 40 characters of it."""
    plain = answer.tolist() if isinstance(answer, np.ndarray | np.generic) else answer
    text = f"{plain:.6g}" if isinstance(plain, float) else repr(plain)
    return text if len(text) <= 40 else f"{text[:39]}…"
