"""What the tests of checks share: reading one entry of ``mlops.yaml``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.config.load import load_config
from pytest_mlops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def mistakes(tmp_path: Path) -> Callable[[str], str]:
    """Return what ``mlops.yaml`` with one check is refused for, one mistake a line."""

    def read(entry: str) -> str:
        path = tmp_path / "mlops.yaml"
        path.write_text(f"checks:\n  - {{{entry}}}\n", encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        return "\n".join(f"{problem.path}: {problem.message}" for problem in caught.value.problems)

    return read
