"""What a model answers to rows, as finite arrays of the length of what it was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_mlops.checks.data import count_rows, field_of, inputs_of, model_of, take_rows
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.columns import read_array, read_column, read_finite
from pytest_mlops.text import cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    from numpy.typing import NDArray

    from pytest_mlops.checks.base import CheckContext

__all__ = [
    "Output",
    "OutputPairs",
    "describe",
    "model_outputs",
    "output_pairs",
    "perturbed_rows",
    "probability_of",
    "read_output",
]


Output = Literal["predict", "predict_proba"]
"""Method of the model that is asked."""


def model_outputs(model: object, inputs: Any, *, output: Output = "predict") -> Array:
    """Return what the model answers: labels or values (n,), or numbers (n, K).

    Raises:
        IncompleteEvidence: the model has no such method, or answers another number of rows.
        RecordingError: an answer is missing, NaN or infinite.
    """
    ask = getattr(model, output, None)
    if ask is None:
        raise IncompleteEvidence(f"the model, a {type(model).__name__}, has no {output}; use another output:")
    return read_output(ask(inputs), count_rows(inputs), output=output)


def read_output(answer: object, n: int, *, output: Output = "predict") -> Array:
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
    return cut(text, 40)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OutputPairs:
    """Answers to perturbed rows beside those to the rows they were made of.

    Attributes:
        before: Answers to the original rows (m,) or (m, K).
        after: Answers to the perturbed ones, of the same shape.
        row: The original row of each (m,).
    """

    before: NDArray[Any]
    after: NDArray[Any]
    row: NDArray[np.intp]


def output_pairs(
    context: CheckContext, *, of: str, perturbed: str, model: str, output: Output = "predict"
) -> OutputPairs:
    """Ask the model about original and perturbed rows.

    Raises:
        IncompleteEvidence: something is not given, or the perturbation changes nothing.
        RecordingError: what the model answers cannot be evidence.
    """
    predictor = model_of(context, model)
    changed, row = perturbed_rows(context, of=of, perturbed=perturbed)
    before = model_outputs(predictor, inputs_of(context, of), output=output)[row]
    after = model_outputs(predictor, changed, output=output)
    if before.shape != after.shape or (before.dtype.kind == "U") != (after.dtype.kind == "U"):
        raise IncompleteEvidence(
            f"the model answers {before.dtype} {before.shape} to the rows as they are "
            f"and {after.dtype} {after.shape} to the perturbed ones; expected the same"
        )
    return OutputPairs(before=before, after=after, row=row)


def perturbed_rows(context: CheckContext, *, of: str, perturbed: str) -> tuple[Any, NDArray[np.intp]]:
    """Return the perturbed inputs (m rows), and the original row of each (m,).

    Raises:
        IncompleteEvidence: rows and perturbed rows do not belong together, or are the same.
    """
    inputs, changed = inputs_of(context, of), inputs_of(context, perturbed)
    n, m = count_rows(inputs), count_rows(changed)
    named = None if changed is context.fixtures[perturbed] else field_of(context.fixtures[perturbed], "rows")
    if named is None:
        if m != n:
            raise IncompleteEvidence(
                f"the fixture {perturbed!r} gives {m} rows and {of!r} gives {n}; give them in the same "
                f"order, or give rows, the original row of each"
            )
        row = np.arange(n)
    else:
        row = _read_rows(named, n, m)
    if changed is inputs or _same(take_rows(inputs, row), changed):
        raise IncompleteEvidence(
            f"the fixture {perturbed!r} gives the rows of {of!r} as they are; change them"
        )
    return changed, row


def _read_rows(named: object, n: int, m: int) -> NDArray[np.intp]:
    row = read_column("rows", named)
    if row.dtype.kind != "i" or row.size != m or row.min() < 0 or row.max() >= n:
        raise IncompleteEvidence(f"rows must be {m} whole numbers in 0..{n - 1}, one per perturbed row")
    return row.astype(np.intp)


def _same(rows: Any, changed: Any) -> bool:
    first, second = np.asarray(rows), np.asarray(changed)
    # A sparse matrix is a scalar to NumPy, which says nothing about its rows.
    return first.ndim > 0 and np.array_equal(first, second)
