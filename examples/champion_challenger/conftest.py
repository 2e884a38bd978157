"""The candidate that ``--candidate`` names, the champion it would replace, and the holdout."""

from __future__ import annotations

from pathlib import Path

import pytest
from digit_model import DigitModel
from digits import Digits, load

MODELS = Path(__file__).parent / "models"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    names = sorted(path.stem for path in MODELS.glob("*.json") if path.stem != "champion")
    parser.addoption("--candidate", choices=names, default="equal", help="which model is to be judged")


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
    """Digits that no honest model has seen."""
    return load("holdout")
