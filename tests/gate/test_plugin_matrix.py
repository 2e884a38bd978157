"""Other plugins hide nothing from the gate: each real one, with the pytest of this environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.plugin_matrix import CELLS, install, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("plugin", CELLS)
def test_a_plugin_hides_nothing(plugin: str, tmp_path: Path) -> None:
    cell = CELLS[plugin]
    problem = install(cell, tmp_path / "plugins", cell.newest)
    if problem is not None:
        pytest.skip(f"{cell.requirement} cannot be installed: {problem}")
    found = run(cell, tmp_path / "plugins", tmp_path / "bare", workers=False)
    assert found.verdict == cell.verdict, found.output
