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

TRAINING_SHARE = 0.55
SMALL_RADIUS = 15.0
"""Mean radius below which a tumour counts as small, in the unit of the data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tumours:
    """Rows of the data set.

    Attributes:
        X: Features, shape (n, 30).
        y: Diagnoses, ``BENIGN`` or ``MALIGNANT``, shape (n,).
        ids: Row numbers in the whole data set, as text, shape (n,).
        slices: Slice name -> boolean mask, shape (n,).
        features: Names of the columns of ``X``.
    """

    X: NDArray[np.float64]
    y: NDArray[np.int64]
    ids: NDArray[np.str_]
    slices: dict[str, NDArray[np.bool_]]
    features: tuple[str, ...]


def load_training() -> Tumours:
    """Return the training rows."""
    return _load(training=True)


def load_holdout() -> Tumours:
    """Return the holdout rows."""
    return _load(training=False)


def _load(*, training: bool) -> Tumours:
    data = load_breast_cancer()
    rows = [row for row in range(len(data.target)) if _in_training(row) is training]
    X = np.asarray(data.data, dtype=np.float64)[rows]  # noqa: N806 -- scikit-learn's name
    features = tuple(str(name) for name in data.feature_names)
    small = X[:, features.index("mean radius")] < SMALL_RADIUS
    return Tumours(
        X=X,
        y=np.where(np.asarray(data.target)[rows] == 0, MALIGNANT, BENIGN).astype(np.int64),
        ids=np.array([str(row) for row in rows]),
        slices={"small tumour": small, "large tumour": ~small},
        features=features,
    )


def _in_training(row: int) -> bool:
    """Assign a row to a part by the hash of its number, so that the split never changes."""
    draw = hashlib.sha256(f"breast-cancer-{row}".encode()).digest()
    return int.from_bytes(draw[:8], "big") < TRAINING_SHARE * 2**64
