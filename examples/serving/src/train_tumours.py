"""Train the versions: ``python src/train_tumours.py [FOLDER]`` writes models and golden predictions there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linear import LinearModel
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tumours import Tumours, load

if TYPE_CHECKING:
    from collections.abc import Iterator

PENALTIES = {"1": 0.003, "2": 0.1, "3": 0.3}
"""Version -> inverse regularisation strength, scikit-learn's ``C``."""

GOLDEN = 12
"""Number of golden predictions per version."""


def fit(tumours: Tumours, freedom: float) -> LinearModel:
    """Fit a logistic regression on standardised features."""
    # Newton's method converges to the optimum, so that every scikit-learn version gets the same numbers.
    classifier = LogisticRegression(solver="newton-cholesky", C=freedom, class_weight="balanced", tol=1e-10)
    pipeline = make_pipeline(StandardScaler(), classifier).fit(tumours.X, tumours.y)
    scaler = pipeline[0]
    return LinearModel(
        means=scaler.mean_.tolist(),
        scales=scaler.scale_.tolist(),
        coefficients=classifier.coef_[0].tolist(),
        intercept=float(classifier.intercept_[0]),
    )


def golden(model: LinearModel, tumours: Tumours) -> Iterator[dict[str, Any]]:
    """Yield golden requests with the responses expected of a service of the model."""
    for features in tumours.X[:GOLDEN].tolist():
        yield {"request": {"features": features}, "response": {"risk": float(model.risk([features])[0])}}


def main(folder: Path) -> None:
    """Train on the training rows and write the versions."""
    training, holdout = load(training=True), load(training=False)
    for version, freedom in PENALTIES.items():
        model = fit(training, freedom)
        model.save(folder / version / "model.json")
        cases = json.dumps(list(golden(model, holdout)), indent=1)
        (folder / version / "golden.json").write_text(f"{cases}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "models")
