"""A logistic regression stored as plain JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearModel:
    """A linear model of two classes on standardised features.

    Attributes:
        features: Names of the d features, in the order of the columns.
        classes: The two labels, (negative, positive).
        means: Mean of each feature in training, length d.
        scales: Standard deviation of each feature in training, length d.
        coefficients: Weight of each standardised feature, length d.
        intercept: Log odds of the positive class at the mean of all features.
    """

    features: tuple[str, ...]
    classes: tuple[int, int]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    @classmethod
    def load(cls, path: Path) -> LinearModel:
        """Load a model that :meth:`save` wrote."""
        data = json.loads(path.read_text(encoding="utf-8"))
        negative, positive = data["classes"]
        return cls(
            features=tuple(data["features"]),
            classes=(negative, positive),
            means=tuple(data["means"]),
            scales=tuple(data["scales"]),
            coefficients=tuple(data["coefficients"]),
            intercept=data["intercept"],
        )

    def save(self, path: Path) -> None:
        """Write the model as JSON."""
        data = {
            "features": self.features,
            "classes": self.classes,
            "means": self.means,
            "scales": self.scales,
            "coefficients": self.coefficients,
            "intercept": self.intercept,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803 -- scikit-learn's name
        """Return the probability of the positive class.

        Args:
            X: Features, shape (n, d).

        Returns:
            Probabilities, shape (n,).

        Raises:
            ValueError: ``X`` does not have d columns, or has missing values.
        """
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.features):
            raise ValueError(f"X has shape {rows.shape}; expected (n, {len(self.features)})")
        if not np.isfinite(rows).all():
            raise ValueError("X has missing or infinite values; impute them or drop these rows")
        standardised = (rows - np.array(self.means)) / np.array(self.scales)
        log_odds = (standardised * np.array(self.coefficients)).sum(axis=1) + self.intercept
        probabilities: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
        return probabilities

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803 -- as above
        """Return the more probable label of each row, shape (n,)."""
        negative, positive = self.classes
        return np.where(self.predict_proba(X) >= 0.5, positive, negative).astype(np.int64)
