"""The retrained model, and the same holdout as in ../breast_cancer."""

from __future__ import annotations

from pathlib import Path

import pytest
from data import Tumours, load_holdout
from model import LinearModel


@pytest.fixture(scope="session")
def model() -> LinearModel:
    """The model whose files this folder's ``mlops.yaml`` names."""
    return LinearModel.load(Path(__file__).parent / "model" / "model.json")


@pytest.fixture(scope="session")
def holdout() -> Tumours:
    """Tumours that no model has seen."""
    return load_holdout()
