"""``pytest-mlops validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.operations.validate import check_file

if TYPE_CHECKING:
    from pathlib import Path

VALID = "requirements: [{capability: a, slices: [x, y]}]\nrules: [{metric: m, min: 0}]\n"
INVALID = "version: 1\ngate: {min_n: 0}\nrules:\n  - {metric: m}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_valid_file_is_counted(folder: Path) -> None:
    (folder / "mlops.yaml").write_text(VALID)
    result = CliRunner().invoke(app, ["validate"])
    assert result.output == "mlops.yaml: ok (2 cells, 1 rule, 0 waivers)\n"
    assert result.exit_code == 0


def test_every_mistake_is_a_line_with_file_line_and_path(folder: Path) -> None:
    (folder / "mlops.yaml").write_text(INVALID)
    result = CliRunner().invoke(app, ["validate"])
    assert result.output == (
        "mlops.yaml:2: gate.min_n: expected a number of at least 1, got 0\n"
        "mlops.yaml:4: rules[0]: has no bound; set min, max, min_delta, max_delta, min_rel_delta or "
        "max_rel_delta\n"
    )
    assert result.exit_code == 2


def test_several_files_are_all_checked_and_one_bad_one_decides(folder: Path) -> None:
    (folder / "bad.yaml").write_text(INVALID)
    (folder / "good.yaml").write_text(VALID)
    result = CliRunner().invoke(app, ["validate", "bad.yaml", "missing.yaml", "good.yaml"])
    assert result.exit_code == 2
    starts = [line.split(" ")[0] for line in result.output.splitlines()]
    assert starts == ["bad.yaml:2:", "bad.yaml:4:", "missing.yaml:", "good.yaml:"]


def test_a_missing_file_is_named_without_a_line(folder: Path) -> None:
    result = CliRunner().invoke(app, ["validate"])
    assert result.output == "mlops.yaml: there is no such file; check the path\n"
    assert result.exit_code == 2


def test_the_short_suffix_is_found_by_default(folder: Path) -> None:
    (folder / "mlops.yml").write_text(VALID)
    assert CliRunner().invoke(app, ["validate"]).output.startswith("mlops.yml: ok")


def test_a_file_in_a_folder_above_is_not_taken_by_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mlops.yaml").write_text(VALID)
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert CliRunner().invoke(app, ["validate"]).exit_code == 2


def test_checking_returns_mistakes_and_raises_none(folder: Path) -> None:
    check = check_file(folder / "gone.yaml")
    assert not check.valid
    assert [problem.message for problem in check.problems] == ["there is no such file; check the path"]


def test_one_thing_is_counted_in_the_singular(folder: Path) -> None:
    (folder / "mlops.yaml").write_text("requirements: [{capability: a}]\n")
    assert check_file(folder / "mlops.yaml").lines()[0].endswith("ok (1 cell, 0 rules, 0 waivers)")
