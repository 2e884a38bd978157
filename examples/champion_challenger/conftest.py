"""The candidate, the champion and the holdout data."""

from __future__ import annotations

from pathlib import Path

import pytest
from digit_model import DigitModel
from digits import Digits, load

MODELS = Path(__file__).parent / "models"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    names = sorted(path.stem for path in MODELS.glob("*.json") if path.stem != "champion")
    parser.addoption("--candidate", choices=names, default="equal", help="candidate to test")


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> DigitModel:
    """The candidate."""
    return DigitModel.load(MODELS / f"{request.config.getoption('--candidate')}.json")


@pytest.fixture(scope="session")
def baseline() -> DigitModel:
    """The champion."""
    return DigitModel.load(MODELS / "champion.json")


@pytest.fixture(scope="session")
def holdout() -> Digits:
    """Digits that were not used for training."""
    return load("holdout")
