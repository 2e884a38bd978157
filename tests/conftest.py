"""What the tests share: an environment without CI, and a small project under the gate."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

import pytest
import scipy.special
import scipy.stats  # noqa: F401 -- as below

# Runs inside this process drop every module they were first to import, and NumPy cannot be imported twice.
import pytest_mlops.gate.activate
import pytest_mlops.gate.items
import pytest_mlops.gate.recorder
import pytest_mlops.metrics.extra
import pytest_mlops.metrics.predictions  # noqa: F401
from pytest_mlops.records.codec import load_integration_result

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult

pytest_plugins = "pytester"

OF_CI = ("CI", "BUILD_URL", "CI_", "GITHUB_", "GITLAB_", "MLOPS_", "PYTEST_ADDOPTS", "PYTEST_XDIST_")


@pytest.fixture(autouse=True)
def without_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out what CI and an outer xdist left in the environment, so that every context is ``local``."""
    for name in list(os.environ):
        if name == "CI" or name.startswith(OF_CI[1:]):
            monkeypatch.delenv(name)


class Gate:
    """A small project in a folder of its own, run under the gate inside this process."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.folder = pytester.path
        self.path = pytester.path / ".mlops" / "integration-result.json"

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project; ``text`` may be indented as a whole."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run ``pytest --mlops-gate`` with further arguments."""
        return self.pytester.runpytest_inprocess("--mlops-gate", *arguments, no_reraise_ctrlc=True)

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        """Run ``pytest --mlops-gate`` in a process of its own."""
        return self.pytester.runpytest_subprocess("--mlops-gate", *arguments)

    def record(self) -> IntegrationResult:
        """Read the record of the last run."""
        return load_integration_result(self.path.read_bytes())


@pytest.fixture
def gate(pytester: pytest.Pytester) -> Gate:
    """Return an empty project."""
    return Gate(pytester)
