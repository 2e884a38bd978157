"""The Wisconsin breast cancer data with a fixed split into training and holdout."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_breast_cancer

if TYPE_CHECKING:
    from numpy.typing import NDArray

BENIGN, MALIGNANT = 0, 1
"""Our labels; scikit-learn uses 0 for malignant."""

SMALL_RADIUS = 15.0
"""Mean radius below which a tumour counts as small, in the unit of the data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tumours:
    """Rows of the data set.

    Attributes:
        X: Features, shape (n, 30).
        y: Diagnoses, ``BENIGN`` or ``MALIGNANT``, shape (n,).
        ids: Row numbers in the whole data set, as text, shape (n,).
    """

    X: NDArray[np.float64]
    y: NDArray[np.int64]
    ids: NDArray[np.str_]

    @property
    def small(self) -> NDArray[np.bool_]:
        """Which of the tumours are small, shape (n,); the mean radius is the first feature."""
        return self.X[:, 0] < SMALL_RADIUS


def load(*, training: bool) -> Tumours:
    """Return the training rows, or those that none has seen."""
    data = load_breast_cancer()
    rows = [row for row in range(len(data.target)) if _in_training(row) is training]
    return Tumours(
        X=np.asarray(data.data, dtype=np.float64)[rows],
        y=np.where(np.asarray(data.target)[rows] == 0, MALIGNANT, BENIGN).astype(np.int64),
        ids=np.array([str(row) for row in rows]),
    )


def _in_training(row: int) -> bool:
    """Assign a row to a part by the hash of its number, so that the split never changes."""
    draw = hashlib.sha256(f"tumour-{row}".encode()).digest()
    return int.from_bytes(draw[:8], "big") < 0.5 * 2**64
