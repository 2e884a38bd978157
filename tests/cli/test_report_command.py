"""``pytest-mlops report``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_mlops import cli
from pytest_mlops.report.markdown import to_markdown

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gate


@pytest.fixture
def failed(gate: Gate) -> Gate:
    """Return a project whose model test failed."""
    gate.write("test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_one(mlops): assert 0\n")
    gate.run()
    return gate


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["pytest-mlops", "report", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


def test_markdown_goes_to_standard_output_whatever_the_verdict(
    failed: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(monkeypatch, failed.path) == 0
    shown = capsys.readouterr().out
    assert shown == to_markdown(failed.record())
    assert shown.startswith("## FAIL: ")


def test_files_are_written_and_nothing_is_printed(
    failed: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    page, text = failed.folder / "out" / "r.html", failed.folder / "r.md"
    assert run(monkeypatch, failed.path, "--html", page, "--md", text) == 0
    assert capsys.readouterr().out == ""
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert text.read_text(encoding="utf-8") == to_markdown(failed.record())


@pytest.mark.parametrize("option", ["--html", "--md"])
def test_the_record_is_never_replaced_by_its_report(
    failed: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    before = failed.path.read_bytes()
    assert run(monkeypatch, failed.path, option, failed.path) == 4
    assert "is the record itself" in capsys.readouterr().err
    assert failed.path.read_bytes() == before


def test_what_is_no_record_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.json").write_text("{}", encoding="utf-8")
    assert run(monkeypatch, tmp_path / "r.json") == 5
    assert run(monkeypatch, tmp_path / "none.json") == 5
    assert "cannot read" in capsys.readouterr().err
