"""The pictures of the documentation come from runs that still end as their names say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "headline"),
    [("fail", "## FAIL: credit-risk"), ("first-run", "## UNDECIDED: credit-risk")],
)
def test_run_of_a_picture_ends_as_its_name_says(name: str, headline: str, tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed (pip install pillow)")
    from docs.review_pictures import RUNS, page, posted

    comment, summary = posted(RUNS[name], tmp_path / name)

    assert headline in comment
    assert summary.startswith(headline)
    assert ("### Changes of the policy" in comment) is (name == "fail")
    assert ("(first run)" in comment) is (name == "first-run")
    assert "<table>" in page("comment", comment)
