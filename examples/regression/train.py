"""Train the model: ``python train.py [FOLDER]`` writes model.json there."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "src"))

from patients import load_training
from progression import ProgressionModel
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

ALPHA = 10.0


def main(folder: Path) -> None:
    """Fit a ridge regression on the training rows and write the model."""
    training = load_training()
    scaler = StandardScaler().fit(training.X)
    ridge = Ridge(alpha=ALPHA, solver="cholesky").fit(scaler.transform(training.X), training.y)
    ProgressionModel(
        features=training.features,
        means=tuple(scaler.mean_.tolist()),
        scales=tuple(scaler.scale_.tolist()),
        coefficients=tuple(ridge.coef_.tolist()),
        intercept=float(ridge.intercept_),
    ).save(folder / "model.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "model")
