"""A linear regression stored as plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgressionModel:
    """A linear model of one number on standardised features.

    Attributes:
        features: Names of the d features, in the order of the columns.
        means: Mean of each feature in training, length d.
        scales: Standard deviation of each feature in training, length d.
        coefficients: Weight of each standardised feature, length d.
        intercept: Prediction at the mean of all features.
    """

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    @classmethod
    def load(cls, path: Path) -> ProgressionModel:
        """Load a model that :meth:`save` wrote."""
        data = json.loads(path.read_text(encoding="utf-8"))
        lists = {name: tuple(data[name]) for name in ("features", "means", "scales", "coefficients")}
        return cls(**lists, intercept=data["intercept"])

    def save(self, path: Path) -> None:
        """Write the model as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803 -- scikit-learn's name
        """Return the predicted progression of each row of ``X``, shape (n, d) to (n,).

        Raises:
            ValueError: ``X`` does not have d columns, or has missing values.
        """
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.features):
            raise ValueError(f"X has shape {rows.shape}; expected (n, {len(self.features)})")
        if not np.isfinite(rows).all():
            raise ValueError("X has missing or infinite values; impute them or drop these rows")
        standardised = (rows - np.array(self.means)) / np.array(self.scales)
        predicted: NDArray[np.float64] = (standardised * np.array(self.coefficients)).sum(axis=1)
        return predicted + self.intercept
