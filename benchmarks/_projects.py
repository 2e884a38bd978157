"""Folders of generated tests, and the command lines that run pytest on them."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from benchmarks._pairs import Command

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["pytest_command", "write_model_tests", "write_plain_tests"]

CONFIG = """\
version: 1
model: {id: benchmark, version: "1"}
requirements:
  - {capability: ranking, slices: [all]}
  - {capability: calibration}
gate: {min_pass_rate: 1.0, min_coverage: 0.9}
quality: {weights: {tests: 1.0}}
"""
RULES = """\
rules:
  - {metric: metric 0, min: 0.5}
  - {metric: metric 1, min: 0.5, severity: report}
  - {metric: metric 2, max: 1.0}
"""
# The marker is declared here, so that the very same tests run without the plugin and warn of nothing.
INI = "[pytest]\nmarkers = model_test(covers): a test of a model\n"

PLAIN = """\
import pytest


@pytest.mark.parametrize("case", range({count}))
def test_trivial(case):
    assert case >= 0
"""
MODEL = """\
import pytest


@pytest.mark.model_test(covers=["ranking:all", "calibration:all"])
@pytest.mark.parametrize("case", range({count}))
def test_trivial(case{fixture}):
    {body}
"""


def write_plain_tests(folder: Path, count: int) -> Path:
    """Write ``count`` parameter cases of an ordinary test and return their folder."""
    return _write(folder, PLAIN.format(count=count), "")


def write_model_tests(folder: Path, count: int, *, metrics: bool) -> Path:
    """Write ``count`` parameter cases of a model test, with one number each or none; return their folder."""
    if not metrics:
        return _write(folder, MODEL.format(count=count, fixture="", body="assert case >= 0"), CONFIG)
    body = 'mlops.metric(f"metric {case}", 0.9, n=100)'
    return _write(folder, MODEL.format(count=count, fixture=", mlops", body=body), CONFIG + RULES)


def pytest_command(folder: Path, *options: str) -> Command:
    """Return the command that runs the tests of ``folder`` with pytest-mlops as the only plugin installed.

    Every other installed plugin is blocked by name. Autoloading stays on, so that the entry point is found
    and loaded the way it is for users, and ``-p no:mlops`` leaves exactly that out.
    """
    others = {point.name for point in entry_points(group="pytest11")} - {"mlops"}
    blocked = [option for name in sorted(others) for option in ("-p", f"no:{name}")]
    arguments = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *blocked, *options)
    return Command(arguments=arguments, folder=folder)


def _write(folder: Path, tests: str, config: str) -> Path:
    folder.mkdir()
    (folder / "test_generated.py").write_text(tests)
    (folder / "pytest.ini").write_text(INI)
    if config:
        (folder / "mlops.yaml").write_text(config)
    return folder
