"""The plugin, which loads the model, and the holdout data."""

from __future__ import annotations

import pytest
from wines import Wines, load_split

pytest_plugins = ["house_rules"]


@pytest.fixture(scope="session")
def holdout() -> Wines:
    """Bottles that were not used for training."""
    return load_split(training=False)
