"""Environments that are really up, with a supervisor, a gateway and replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks._deployments import Playground
from tests.serving.supervisor.conftest import logged, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


__all__ = ["logged", "playground", "world"]


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Playground]:
    with Playground(tmp_path / "project") as made:
        yield made
