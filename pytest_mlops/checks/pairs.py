"""A model's answers before and after its inputs were changed, row beside row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.checks.data import count_rows, field_of, inputs_of, model_of, take_rows
from pytest_mlops.checks.outputs import answers
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.columns import read_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_mlops.checks.base import Given
    from pytest_mlops.checks.outputs import Output

__all__ = ["Pairs", "pairs_of", "perturbed_rows"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pairs:
    """Answers to perturbed rows beside those to the rows they were made of.

    Attributes:
        before: Answers to the original rows (m,) or (m, K).
        after: Answers to the perturbed ones, of the same shape.
        row: The original row of each (m,).
    """

    before: NDArray[Any]
    after: NDArray[Any]
    row: NDArray[np.intp]


def pairs_of(given: Given, *, of: str, perturbed: str, model: str, output: Output = "predict") -> Pairs:
    """Ask the model about original and perturbed rows.

    Raises:
        IncompleteEvidence: something is not given, or the perturbation changes nothing.
        RecordingError: what the model answers cannot be evidence.
    """
    predictor = model_of(given, model)
    changed, row = perturbed_rows(given, of=of, perturbed=perturbed)
    before = answers(predictor, inputs_of(given, of), output=output)[row]
    after = answers(predictor, changed, output=output)
    if before.shape != after.shape or (before.dtype.kind == "U") != (after.dtype.kind == "U"):
        raise IncompleteEvidence(
            f"the model answers {before.dtype} {before.shape} to the rows as they are "
            f"and {after.dtype} {after.shape} to the perturbed ones; expected the same"
        )
    return Pairs(before=before, after=after, row=row)


def perturbed_rows(given: Given, *, of: str, perturbed: str) -> tuple[Any, NDArray[np.intp]]:
    """Return the perturbed inputs (m rows), and the original row of each (m,).

    Raises:
        IncompleteEvidence: rows and perturbed rows do not belong together, or are the same.
    """
    inputs, changed = inputs_of(given, of), inputs_of(given, perturbed)
    n, m = count_rows(inputs), count_rows(changed)
    named = None if changed is given.fixtures[perturbed] else field_of(given.fixtures[perturbed], "rows")
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
