"""Train the model: ``python train.py [FOLDER]`` writes model.json there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from data import BENIGN, MALIGNANT, Tumours, load_training
from model import LinearModel
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fit(tumours: Tumours, diagnoses: NDArray[np.int64]) -> LinearModel:
    """Fit a logistic regression on standardised features; both classes have the same total weight."""
    # Newton's method converges to the optimum, so that every scikit-learn version gets the same numbers.
    classifier = LogisticRegression(solver="newton-cholesky", class_weight="balanced", tol=1e-10)
    pipeline = make_pipeline(StandardScaler(), classifier).fit(tumours.X, diagnoses)
    scaler = pipeline[0]
    return LinearModel(
        features=tumours.features,
        classes=(BENIGN, MALIGNANT),
        means=tuple(scaler.mean_.tolist()),
        scales=tuple(scaler.scale_.tolist()),
        coefficients=tuple(classifier.coef_[0].tolist()),
        intercept=float(classifier.intercept_[0]),
    )


def main(folder: Path) -> None:
    """Train on the training rows and write the model."""
    training = load_training()
    fit(training, training.y).save(folder / "model.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "model")
