"""Three kinds of wine, a model that tells them apart, and how it is trained."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_wine

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Wines:
    """Bottles.

    Attributes:
        X: Chemical measurements, shape (n, 13).
        y: Kind of wine, 0, 1 or 2, shape (n,).
        ids: Row numbers in the whole data set, as text, shape (n,).
    """

    X: NDArray[np.float64]
    y: NDArray[np.int64]
    ids: NDArray[np.str_]


@dataclass(frozen=True, kw_only=True, slots=True)
class CentroidModel:
    """Answers with the kind whose centre is nearest, on standardised measurements.

    Attributes:
        means: Mean of each measurement in training, length d.
        scales: Standard deviation of each measurement in training, length d.
        centres: Centre of each kind, standardised, shape (3, d).
    """

    means: list[float]
    scales: list[float]
    centres: list[list[float]]

    @classmethod
    def load(cls, path: Path) -> CentroidModel:
        """Load a model that :meth:`save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        """Write the model as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803 -- scikit-learn's name
        """Return the nearest kind of each row, shape (n, d) to (n,)."""
        rows = (np.asarray(X, dtype=np.float64) - np.array(self.means)) / np.array(self.scales)
        distances = np.linalg.norm(rows[:, np.newaxis] - np.array(self.centres), axis=2)
        nearest: NDArray[np.int64] = distances.argmin(axis=1).astype(np.int64)
        return nearest


def load_split(*, training: bool) -> Wines:
    """Return the rows with an even number for training, the others as holdout."""
    data = load_wine()
    rows = np.arange(len(data.target))[0 if training else 1 :: 2]
    return Wines(
        X=np.asarray(data.data, dtype=np.float64)[rows],
        y=np.asarray(data.target, dtype=np.int64)[rows],
        ids=rows.astype(str),
    )


def fit(wines: Wines) -> CentroidModel:
    """Find the centre of each kind."""
    means, scales = wines.X.mean(axis=0), wines.X.std(axis=0)
    standardised = (wines.X - means) / scales
    return CentroidModel(
        means=means.tolist(),
        scales=scales.tolist(),
        centres=[standardised[wines.y == kind].mean(axis=0).tolist() for kind in range(3)],
    )
