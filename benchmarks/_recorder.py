"""Run pytest and write what became of every test: ``python -P _recorder.py FILE INNER ARGUMENT...``.

INNER holds the options of the runs that tests start with the ``pytester`` fixture; empty, it changes nothing.
This runs inside the environment that is looked at, so it imports pytest and the standard library alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


class Recorder:
    """Keep the word that pytest's own summary uses for each report, and which distributions have plugins."""

    def __init__(self, inner: str) -> None:
        self.inner = inner
        self.outcomes: dict[str, list[str]] = {}
        self.plugins: set[str] = set()

    def pytest_configure(self, config: pytest.Config) -> None:
        """Remember the configuration, and the plugins that came in through entry points."""
        self._config = config
        self.plugins = {found.metadata["Name"] for _, found in config.pluginmanager.list_plugin_distinfo()}

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Set the options of inner runs, once pytester has discarded the outer ones."""
        made = yield
        if self.inner and fixturedef.argname == "pytester":
            request.getfixturevalue("monkeypatch").setenv("PYTEST_ADDOPTS", self.inner)
        return made

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add passed, failed, skipped, xfailed, xpassed or error; a set-up that went well has no word."""
        status = self._config.hook.pytest_report_teststatus(report=report, config=self._config)
        if status[0]:
            self.outcomes.setdefault(report.nodeid, []).append(status[0])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Add a file that could not be collected, or skipped itself."""
        if not report.passed:
            self.outcomes.setdefault(report.nodeid, []).append(f"collection {report.outcome}")


def main(argv: list[str]) -> int:
    """Run pytest, write the record, return pytest's exit code."""
    file, inner, *arguments = argv
    recorder = Recorder(inner)
    code = int(pytest.main(arguments, plugins=[recorder]))
    record = {"exit_code": code, "plugins": sorted(recorder.plugins), "outcomes": recorder.outcomes}
    Path(file).write_text(json.dumps(record), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
