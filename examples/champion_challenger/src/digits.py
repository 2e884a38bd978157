"""Handwritten digits from scikit-learn, with a fixed split into three batches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_digits

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_SHARE, SECOND_SHARE = 0.15, 0.15
"""Shares of the rows that were labelled first, and later; all others are the holdout."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Digits:
    """Rows of the data set.

    Attributes:
        X: Grey levels of 8 × 8 points in 0..1, shape (n, 64).
        y: Digits, shape (n,).
        ids: Row numbers in the whole data set, shape (n,).
    """

    X: NDArray[np.float64]
    y: NDArray[np.int64]
    ids: NDArray[np.int64]


def load(batch: str) -> Digits:
    """Return the rows of ``first``, ``second`` or ``holdout``."""
    digits = load_digits()
    rows = np.array([row for row in range(len(digits.target)) if _batch_of(row) == batch])
    return Digits(
        X=np.asarray(digits.data, dtype=np.float64)[rows] / 16,
        y=np.asarray(digits.target, dtype=np.int64)[rows],
        ids=rows,
    )


def _batch_of(row: int) -> str:
    """Assign a row to a batch by the hash of its number, so that the split never changes."""
    draw = int.from_bytes(hashlib.sha256(f"digit-{row}".encode()).digest()[:8], "big") / 2**64
    if draw < FIRST_SHARE:
        return "first"
    return "second" if draw < FIRST_SHARE + SECOND_SHARE else "holdout"
