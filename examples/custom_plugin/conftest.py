"""The plugin, and the data that the model is judged on; the model itself comes from the plugin."""

from __future__ import annotations

import pytest
from wines import Wines, load_split

pytest_plugins = ["house_rules"]


@pytest.fixture(scope="session")
def holdout() -> Wines:
    """Bottles that the model has not seen."""
    return load_split(training=False)
