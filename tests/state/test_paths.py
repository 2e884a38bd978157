"""Files of an environment stay within its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.state.paths import layout_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["a/b.1.0", "../../x.1.0", ".hidden.1.0", "x" * 300, "ü.1.0"])
def test_a_name_that_is_no_good_file_name_stays_within_its_folder(tmp_path: Path, name: str) -> None:
    layout = layout_of(tmp_path, "production")
    for path, folder in ((layout.replica(name), layout.replicas), (layout.log(name), layout.logs)):
        assert path.parent == folder
        assert path.name.startswith("process-")
    assert layout.replica("production.7.0").name == "production.7.0.json"
