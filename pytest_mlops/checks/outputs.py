"""Model outputs per row, on original and on perturbed inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_mlops.checks.data import classes_of, count_rows, field_of, inputs_of, model_of, take_rows
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
"""Method of the model that produces the outputs."""


def model_outputs(model: object, inputs: Any, *, output: Output = "predict") -> Array:
    """Return the model's outputs for ``inputs``: labels or values (n,), or numbers (n, K).

    Raises:
        IncompleteEvidence: the model has no such method, or returns another number of rows.
        RecordingError: an output is missing, NaN or infinite.
    """
    ask = getattr(model, output, None)
    if ask is None:
        raise IncompleteEvidence(
            f"the model, a {type(model).__name__}, has no method {output}; set output: to a method it has"
        )
    return read_output(ask(inputs), count_rows(inputs), output=output)


def read_output(value: object, n: int, *, output: Output = "predict") -> Array:
    """Validate the return value of ``output`` for ``n`` rows: labels or values (n,), or numbers (n, K).

    Raises:
        IncompleteEvidence: it has another number of rows.
        RecordingError: an entry is missing, NaN or infinite.
    """
    array = read_array(f"the output of {output}", value)
    if array.ndim == 0 or len(array) != n:
        got = "one value" if array.ndim == 0 else f"{len(array)} outputs"
        raise IncompleteEvidence(f"{output} returned {got} for {n} rows; expected one output per row")
    if array.shape[1:] == (1,):
        array = array[:, 0]
    if array.ndim == 1:
        return read_column(f"the output of {output}", array)
    if array.dtype.kind not in "fiub":
        raise IncompleteEvidence(
            f"{output} returned {array.ndim} dimensions of dtype {array.dtype}; expected numbers"
        )
    return read_finite(f"the output of {output}", array)


def probability_of(model: object, scores: Array, label: object) -> NDArray[np.float64]:
    """Return the column of ``scores`` (n, K) for ``label``, (n,); of two columns the second by default.

    Raises:
        IncompleteEvidence: the column is ambiguous, or ``label`` is not one of the model's ``classes_``.
    """
    if scores.ndim == 1:
        return scores.astype(np.float64)
    if label is None:
        if scores.shape[1] != 2:
            raise IncompleteEvidence(
                f"predict_proba returned {scores.shape[1]} columns; expected 2, so set label: to choose one"
            )
        return np.asarray(scores[:, 1], dtype=np.float64)
    classes = classes_of(model) or []
    if label not in classes:
        raise IncompleteEvidence(f"label is {label!r}; expected one of the model's classes_, {classes}")
    return np.asarray(scores[:, classes.index(label)], dtype=np.float64)


def describe(value: Any) -> str:
    """Format one output for a message, at most 40 characters of it."""
    plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    text = f"{plain:.6g}" if isinstance(plain, float) else repr(plain)
    return cut(text, 40)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OutputPairs:
    """Outputs on perturbed rows with the outputs on their original rows.

    Attributes:
        before: Outputs on the original rows, (m,) or (m, K).
        after: Outputs on the perturbed rows, of the same shape.
        row: Index of the original row of each (m,).
    """

    before: NDArray[Any]
    after: NDArray[Any]
    row: NDArray[np.intp]


def output_pairs(
    context: CheckContext, *, of: str, perturbed: str, model: str, output: Output = "predict"
) -> OutputPairs:
    """Predict on original and perturbed rows.

    Raises:
        IncompleteEvidence: an input is missing, or the perturbation changes nothing.
        RecordingError: an output is missing, NaN or infinite.
    """
    predictor = model_of(context, model)
    changed, row = perturbed_rows(context, of=of, perturbed=perturbed)
    before = model_outputs(predictor, inputs_of(context, of), output=output)[row]
    after = model_outputs(predictor, changed, output=output)
    if before.shape != after.shape or (before.dtype.kind == "U") != (after.dtype.kind == "U"):
        raise IncompleteEvidence(
            f"{output} returned {before.dtype} {before.shape} on the original rows and {after.dtype} "
            f"{after.shape} on the perturbed ones; expected the same type and shape"
        )
    return OutputPairs(before=before, after=after, row=row)


def perturbed_rows(context: CheckContext, *, of: str, perturbed: str) -> tuple[Any, NDArray[np.intp]]:
    """Return the perturbed inputs (m rows), and the index of the original row of each (m,).

    Raises:
        IncompleteEvidence: the perturbed rows do not match the original rows, or are identical to them.
    """
    inputs, changed = inputs_of(context, of), inputs_of(context, perturbed)
    n, m = count_rows(inputs), count_rows(changed)
    named = None if changed is context.fixtures[perturbed] else field_of(context.fixtures[perturbed], "rows")
    if named is None:
        if m != n:
            raise IncompleteEvidence(
                f"the fixture {perturbed!r} has {m} rows and {of!r} has {n}; expected one perturbed version "
                "of each row in the same order, or rows with the index of the original row of each"
            )
        row = np.arange(n)
    else:
        row = _read_rows(named, n, m)
    if changed is inputs or _same(take_rows(inputs, row), changed):
        raise IncompleteEvidence(
            f"the fixture {perturbed!r} has the same rows as {of!r}; expected perturbed rows"
        )
    return changed, row


def _read_rows(named: object, n: int, m: int) -> NDArray[np.intp]:
    row = read_column("rows", named)
    if row.dtype.kind != "i" or row.size != m or row.min() < 0 or row.max() >= n:
        raise IncompleteEvidence(
            f"rows has {row.size} values of dtype {row.dtype}; expected {m} integers in 0..{n - 1}, one per "
            "perturbed row"
        )
    return row.astype(np.intp)


def _same(rows: Any, changed: Any) -> bool:
    first, second = np.asarray(rows), np.asarray(changed)
    # NumPy sees a sparse matrix as a scalar, so its rows cannot be compared here.
    return first.ndim > 0 and np.array_equal(first, second)
