"""A logistic regression stored as plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearModel:
    """A linear model of two classes on d standardised features.

    Attributes:
        means: Mean of each feature in training, length d.
        scales: Standard deviation of each feature in training, length d.
        coefficients: Weight of each standardised feature, length d.
        intercept: Log odds of the positive class at the mean of all features.
    """

    means: list[float]
    scales: list[float]
    coefficients: list[float]
    intercept: float

    @classmethod
    def load(cls, path: Path) -> LinearModel:
        """Load a model that :meth:`save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        """Write the model as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def risk(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803 -- scikit-learn's name
        """Return the probability of the positive class of n rows of features, shape (n,)."""
        rows = np.asarray(X, dtype=np.float64)
        standardised = (rows - np.array(self.means)) / np.array(self.scales)
        log_odds = (standardised * np.array(self.coefficients)).sum(axis=1) + self.intercept
        probabilities: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
        return probabilities
