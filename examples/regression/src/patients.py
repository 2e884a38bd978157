"""The diabetes data with a fixed split into training and holdout."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_diabetes

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRAINING_SHARE = 0.55
FIFTY = 50
"""Age in years from which a patient counts as older."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patients:
    """Rows of the data set.

    Attributes:
        X: Features in their own units, shape (n, 10).
        y: Progression of the disease a year later, from 25 to 346, shape (n,).
        ids: Row numbers in the whole data set, as text, shape (n,).
        slices: Slice name -> boolean mask, shape (n,).
        features: Names of the columns of ``X``.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    ids: NDArray[np.str_]
    slices: dict[str, NDArray[np.bool_]]
    features: tuple[str, ...]


def load_training() -> Patients:
    """Return the training rows."""
    return _load(training=True)


def load_holdout() -> Patients:
    """Return the holdout rows."""
    return _load(training=False)


def _load(*, training: bool) -> Patients:
    data = load_diabetes(scaled=False)
    rows = [row for row in range(len(data.target)) if _in_training(row) is training]
    X = np.asarray(data.data, dtype=np.float64)[rows]  # noqa: N806 -- scikit-learn's name
    features = tuple(str(name) for name in data.feature_names)
    older = X[:, features.index("age")] >= FIFTY
    sexes = X[:, features.index("sex")]
    return Patients(
        X=X,
        y=np.asarray(data.target, dtype=np.float64)[rows],
        ids=np.array([str(row) for row in rows]),
        # The data set does not document the codes 1 and 2.
        slices={"under 50": ~older, "50 and over": older, "sex 1": sexes == 1, "sex 2": sexes == 2},
        features=features,
    )


def _in_training(row: int) -> bool:
    """Assign a row to a part by the hash of its number, so that the split never changes."""
    draw = hashlib.sha256(f"diabetes-{row}".encode()).digest()
    return int.from_bytes(draw[:8], "big") < TRAINING_SHARE * 2**64
