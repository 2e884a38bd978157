"""The plugin that makes the reports of a run, loaded where any are asked for.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import MLOpsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.report.trends import RunPoint
    from pytest_mlops.report.write import Kind

    Target = tuple[Kind, Path]

__all__ = ["ReportSession", "place_reports", "pytest_configure"]

GATE_NAME, NAME = "mlops-session", "mlops-reports"


def pytest_configure(config: pytest.Config) -> None:
    """Have the reports of ``--mlops-report`` made, in the process where the gate decides.

    Raises:
        pytest.UsageError: a report would take the place of a record or of another report.
    """
    folder = config.invocation_params.dir
    targets = [(kind, (folder / path).resolve()) for kind, path in config.option.mlops_report]
    result = (folder / config.option.mlops_result).resolve()
    gate = config.pluginmanager.get_plugin(GATE_NAME)
    runs = [config_run.run for config_run in gate.config_runs] if gate is not None else []
    placed = place_reports(targets, [run.path for run in runs], result.parent)
    histories = {run.path: run.folder for run in runs if run.config and run.config.config.history is not None}
    config.pluginmanager.register(ReportSession(placed, histories), NAME)


def place_reports(
    targets: Sequence[Target], records: Sequence[Path], folder: Path
) -> dict[Path, list[Target]]:
    """Return where the reports of every record go.

    Args:
        targets: What was asked for.
        records: Where the records go, one for each configuration.
        folder: Where a single record would go. A record below it has its reports as far below the place that
            was asked for.

    Raises:
        pytest.UsageError: a report would take the place of a record or of another report.
    """
    taken, placed = set(records), {}
    for record in records:
        below = os.path.relpath(record.parent, folder)
        placed[record] = [(kind, (path.parent / below / path.name).resolve()) for kind, path in targets]
        for _, path in placed[record]:
            if path in taken:
                raise pytest.UsageError(
                    f"--mlops-report: {_relative(path)} is the place of a record or of another report; "
                    "give each a path of its own"
                )
            taken.add(path)
    return placed


class ReportSession:
    """Hooks that come after those of the gate: whatever becomes of a report, the verdict is settled.

    Args:
        placed: Record -> where its reports go.
        histories: Record -> folder of the project whose history its HTML page shows, where one is kept.
    """

    def __init__(
        self, placed: Mapping[Path, Sequence[Target]], histories: Mapping[Path, Path] | None = None
    ) -> None:
        self.placed = placed
        self.histories = histories or {}
        self.awaited = dict.fromkeys(placed)
        self.written: list[Path] = []
        self.problems: list[str] = []
        self.notes: list[str] = []

    def pytest_sessionstart(self) -> None:
        """Take away the reports of an earlier run, so that none of them outlives a crash of this one."""
        for targets in self.placed.values():
            for _, path in targets:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    # First, so that another listener's error does not stand between record and report.
    @pytest.hookimpl(tryfirst=True)
    def pytest_mlops_after_verdict(self, record: IntegrationResult, path: Path) -> None:
        """Write the reports of one record."""
        self.awaited.pop(path, None)
        for kind, target in self.placed.get(path, ()):
            self._write(record, kind, target, path)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the reports are, and what could not be written."""
        if terminalreporter.config.get_verbosity() >= 0:
            for path in self.written:
                terminalreporter.write_line(f"report: {_relative(path)}")
        for note in self.notes:
            terminalreporter.write_line(note, yellow=True)
        missing = [
            f"{_relative(path)} was not written, and there is nothing else to make it from"
            for path in self.awaited
        ]
        for problem in [*self.problems, *missing]:
            terminalreporter.write_line(f"report not written: {problem}", red=True)

    def _write(self, record: IntegrationResult, kind: Kind, path: Path, result: Path) -> None:
        # Here and not above: what makes reports costs time at the start of a run.
        from pytest_mlops.report.write import write_report  # noqa: PLC0415

        try:
            history = self._history(record, result) if kind == "html" else None
            write_report(record, kind, path, result=result, history=history)
        except MLOpsError as error:
            self.problems.append(str(error))
        except Exception as error:  # noqa: BLE001 -- one report that cannot be made is no reason to lose the other
            self.problems.append(f"{_relative(path)}: {type(error).__name__}: {error}")
        else:
            self.written.append(path)

    def _history(self, record: IntegrationResult, result: Path) -> Sequence[RunPoint] | None:
        """Read the model's recorded runs; a page without them is better than none."""
        folder = self.histories.get(result)
        if folder is None:
            return None
        from pytest_mlops.report.trends import read_history  # noqa: PLC0415 -- as above

        try:
            return read_history(record, folder)
        except MLOpsError as error:
            self.notes.append(f"report without trends: {error}")
            return None


def _relative(path: Path) -> str:
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown
