"""The reports of ``--mlops-report``, written once the verdict stands.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import MLOpsError
from pytest_mlops.files import is_replaceable
from pytest_mlops.gate.terminal import relative_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_mlops.gate.run import GateRun
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.report.trends import RunPoint
    from pytest_mlops.report.write import Kind

    Target = tuple[Kind, Path]

__all__ = ["ReportSession", "place_reports", "register_reports"]

NAME = "mlops-reports"


def register_reports(config: pytest.Config, runs: Sequence[GateRun]) -> None:
    """Have the reports of ``--mlops-report`` written after each run's record.

    Raises:
        pytest.UsageError: a report would overwrite a record or another report.
    """
    folder = config.invocation_params.dir
    targets = [(kind, (folder / path).resolve()) for kind, path in config.option.mlops_report]
    result = (folder / config.option.mlops_result).resolve()
    placed = place_reports(targets, [run.path for run in runs], result.parent)
    histories = {run.path: run.folder for run in runs if run.config and run.config.config.history is not None}
    config.pluginmanager.register(ReportSession(placed, histories), NAME)


def place_reports(
    targets: Sequence[Target], records: Sequence[Path], folder: Path
) -> dict[Path, list[Target]]:
    """Return the paths of the reports of each record.

    Args:
        targets: Kind and path of each requested report.
        records: Paths of the records, one per configuration.
        folder: Folder of a single record. The reports of a record in a subfolder go to the same subfolder
            relative to the requested path.

    Raises:
        pytest.UsageError: a report would overwrite a record or another report.
    """
    taken, placed = set(records), {}
    for record in records:
        below = os.path.relpath(record.parent, folder)
        placed[record] = [(kind, (path.parent / below / path.name).resolve()) for kind, path in targets]
        for _, path in placed[record]:
            if path in taken:
                raise pytest.UsageError(
                    f"--mlops-report: {relative_path(path)} is already the path of a record or another "
                    "report; give each report its own path"
                )
            taken.add(path)
    return placed


class ReportSession:
    """Hooks that run after those of the gate, so that a failing report cannot change the verdict.

    Args:
        placed: Path of a record -> kind and path of its reports.
        histories: Path of a record -> project folder of the run history for its HTML report, if one is kept.
    """

    def __init__(
        self, placed: Mapping[Path, Sequence[Target]], histories: Mapping[Path, Path] | None = None
    ) -> None:
        self.placed = placed
        self.histories = histories or {}
        self.pending = dict.fromkeys(placed)
        self.written: list[Path] = []
        self.problems: list[str] = []
        self.notes: list[str] = []

    def pytest_sessionstart(self) -> None:
        """Delete the reports of an earlier run, so that no stale report survives a crash of this one."""
        for targets in self.placed.values():
            for _, path in targets:
                with contextlib.suppress(OSError):
                    if is_replaceable(path):
                        path.unlink(missing_ok=True)

    # First, so that an error in another plugin does not prevent the report.
    @pytest.hookimpl(tryfirst=True)
    def pytest_mlops_after_verdict(self, record: IntegrationResult, path: Path) -> None:
        """Write the reports of one record."""
        self.pending.pop(path, None)
        for kind, target in self.placed.get(path, ()):
            self._write(record, kind, target, path)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print where the reports are and which could not be written."""
        if terminalreporter.config.get_verbosity() >= 0:
            for path in self.written:
                terminalreporter.write_line(f"report: {relative_path(path)}")
        for note in self.notes:
            terminalreporter.write_line(note, yellow=True)
        missing = [f"its record {relative_path(path)} was not written" for path in self.pending]
        for problem in [*self.problems, *missing]:
            terminalreporter.write_line(f"report not written: {problem}", red=True)

    def _write(self, record: IntegrationResult, kind: Kind, path: Path, result: Path) -> None:
        # Imported here, since importing the report writers would slow the start of a run.
        from pytest_mlops.report.write import write_report  # noqa: PLC0415

        try:
            history = self._history(record, result) if kind == "html" else None
            write_report(record, kind, path, result=result, history=history)
        except MLOpsError as error:
            self.problems.append(str(error))
        except Exception as error:  # noqa: BLE001 -- one failing report must not prevent the others
            self.problems.append(f"{relative_path(path)}: {type(error).__name__}: {error}")
        else:
            self.written.append(path)

    def _history(self, record: IntegrationResult, result: Path) -> Sequence[RunPoint] | None:
        """Return the recorded runs of the model; a report without trends is better than none."""
        folder = self.histories.get(result)
        if folder is None:
            return None
        from pytest_mlops.report.trends import read_history  # noqa: PLC0415 -- as above

        try:
            return read_history(record, folder)
        except MLOpsError as error:
            self.notes.append(f"report without trends: {error}")
            return None
