"""The model under test and the data it is judged on."""

from __future__ import annotations

from pathlib import Path

import pytest
from patients import Patients, load_holdout
from progression import ProgressionModel


@pytest.fixture(scope="session")
def model() -> ProgressionModel:
    """The model whose files ``mlops.yaml`` names."""
    return ProgressionModel.load(Path(__file__).parent / "model" / "model.json")


@pytest.fixture(scope="session")
def holdout() -> Patients:
    """Patients that no model has seen."""
    return load_holdout()
