"""A linear classifier of digits stored as plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class DigitModel:
    """Multinomial logistic regression.

    Attributes:
        coefficients: Weight of each of the d features for each of the K digits, K lists of length d.
        intercepts: Log odds where all features are 0, length K.
    """

    coefficients: list[list[float]]
    intercepts: list[float]

    @classmethod
    def load(cls, path: Path) -> DigitModel:
        """Load a model that :meth:`save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        """Write the model as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803 -- scikit-learn's name
        """Return the most probable digit of each row of (n, d), shape (n,)."""
        log_odds = np.asarray(X, dtype=np.float64) @ np.array(self.coefficients).T + np.array(self.intercepts)
        return np.asarray(log_odds.argmax(axis=1), dtype=np.int64)
