"""Environments that are really up: a supervisor, a gateway and replicas, each a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks._deployments import Playground

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Playground]:
    with Playground(tmp_path / "project") as made:
        yield made
