"""The model under test and the data it is judged on."""

from __future__ import annotations

from pathlib import Path

import pytest
from linear import LinearModel
from tumours import Tumours, load


@pytest.fixture(scope="session")
def model() -> LinearModel:
    """The model whose files ``mlops.yaml`` names."""
    return LinearModel.load(Path(__file__).parent / "model" / "model.json")


@pytest.fixture(scope="session")
def holdout() -> Tumours:
    """Tumours that no model has seen."""
    return load(training=False)
