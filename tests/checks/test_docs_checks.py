"""The reference of the checks says what their classes say, and its examples are valid."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pytest_mlops.checks.catalog import BUILT_IN, find_check
from pytest_mlops.config.load import load_config

ROOT = Path(__file__).resolve().parents[2]


def test_page_is_what_the_classes_say() -> None:
    command = [sys.executable, "-m", "docs.checks_reference", "--print"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.decode("utf-8") == (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", BUILT_IN)
def test_worked_example_is_a_valid_entry_of_its_check(name: str, tmp_path: Path) -> None:
    module = import_module(f"pytest_mlops.checks.{name}")
    example = (module.__doc__ or "").partition("::\n")[2]
    path = tmp_path / "mlops.yaml"
    path.write_text(f"checks:\n{example}", encoding="utf-8")
    (check,) = load_config(path).config.checks
    assert type(check) is find_check(name)


@pytest.mark.parametrize("name", BUILT_IN)
def test_name_of_a_check_is_that_of_its_module(name: str) -> None:
    cls = find_check(name)
    assert cls is not None
    assert cls.kind() == name
    assert cls.__module__ == f"pytest_mlops.checks.{name}"
