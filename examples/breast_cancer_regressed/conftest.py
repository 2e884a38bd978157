"""The retrained model, and the same holdout as in ../breast_cancer."""

from __future__ import annotations

from pathlib import Path

import pytest
from data import Tumours, load_holdout
from model import LinearModel


@pytest.fixture(scope="session")
def model() -> LinearModel:
    """The model at the path in this folder's ``mlops.yaml``."""
    return LinearModel.load(Path(__file__).parent / "model" / "model.json")


@pytest.fixture(scope="session")
def holdout() -> Tumours:
    """Tumours that were not used for training."""
    return load_holdout()
