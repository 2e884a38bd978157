"""The model under test and its holdout data."""

from __future__ import annotations

from pathlib import Path

import pytest
from patients import Patients, load_holdout
from progression import ProgressionModel


@pytest.fixture(scope="session")
def model() -> ProgressionModel:
    """The model at the path in ``mlops.yaml``."""
    return ProgressionModel.load(Path(__file__).parent / "model" / "model.json")


@pytest.fixture(scope="session")
def holdout() -> Patients:
    """Patients that were not used for training."""
    return load_holdout()
