"""Retrain with a mistake: ``python retrain.py [FOLDER]`` writes model.json there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "breast_cancer"))

from data import BENIGN, MALIGNANT, Tumours, load_training
from train import fit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def exported_diagnoses(training: Tumours) -> NDArray[np.int64]:
    """Return the diagnoses as the export wrote them, shape (n,).

    The newest half of the small malignant tumours had no biopsy result yet; that was written as benign. The
    order of the rows stands for time, which the data do not record.
    """
    waiting = np.flatnonzero((training.y == MALIGNANT) & training.slices["small tumour"])
    diagnoses = training.y.copy()
    diagnoses[waiting[len(waiting) // 2 :]] = BENIGN
    return diagnoses


def main(folder: Path) -> None:
    """Train on the training rows as exported and write the model."""
    training = load_training()
    fit(training, exported_diagnoses(training)).save(folder / "model.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "model")
