"""The hooks of the controller: follow the whole run, seal it, show it.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import IoError
from pytest_mlops.gate.collector import collector_paused
from pytest_mlops.gate.evidence_source import ATTRIBUTE, SOURCE_KEY
from pytest_mlops.gate.extensions import announce, compared_metrics, measured_code_quality
from pytest_mlops.gate.left_out import NamePatterns, holds_model_tests, left_out
from pytest_mlops.gate.output import keep_history, write_attested
from pytest_mlops.gate.run import share_of
from pytest_mlops.gate.seal import expected_checks, seal
from pytest_mlops.gate.tally import reason_of
from pytest_mlops.gate.terminal import header_line, show, show_warnings
from pytest_mlops.gate.worker_config import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.gate.run import ConfigRun

__all__ = ["GateSession"]

STOPPING = "stopping after"
"""How pytest and xdist begin the message of a run that ``-x`` or ``--maxfail`` ended."""


class GateSession:
    """Hooks of the controller: the one process that decides, writes and prints.

    Args:
        config_runs: One for each configuration, at least one.
        root: pytest's root folder, which node ids are relative to.
    """

    def __init__(self, config_runs: Sequence[ConfigRun], root: Path) -> None:
        self.config_runs = tuple(config_runs)
        self._root = root
        self._folders = [
            config_run.run.gates for config_run in config_runs if config_run.run.gates is not None
        ]
        self._config_runs_at: dict[str, tuple[ConfigRun, ...]] = {}

    def config_runs_of(self, node_id: str) -> tuple[ConfigRun, ...]:
        """Return the config run whose folder a node lies in; where it lies in none, it concerns them all."""
        if not self._folders:
            return self.config_runs
        file = node_id.partition("::")[0]
        if file not in self._config_runs_at:
            index = nearest((self._root / file).resolve(), self._folders)
            self._config_runs_at[file] = self.config_runs if index is None else (self.config_runs[index],)
        return self._config_runs_at[file]

    def pytest_report_header(self) -> list[str]:
        """Return what is gated, a line for each configuration."""
        return [header_line(config_run.run) for config_run in self.config_runs]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send an xdist worker its configuration."""
        workers = int(node.workerinput.get("workercount", 1))
        node.workerinput[ATTRIBUTE] = [
            {**config_run.settings.to_json(), "workers": workers} for config_run in self.config_runs
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Read the last message of a worker, or note that it crashed."""
        if error is not None:
            for config_run in self.config_runs:
                config_run.events.lost_workers.append(node.gateway.id)
        self._plan(getattr(node, "workeroutput", {}).get(ATTRIBUTE))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected, and files with model tests that were skipped as a whole."""
        if report.failed:
            for config_run in self.config_runs_of(report.nodeid):
                config_run.events.collection_errors[report.nodeid or "the test session"] = None
        elif report.skipped and holds_model_tests(self._root / report.nodeid):
            for config_run in self.config_runs_of(report.nodeid):
                config_run.events.skipped_files[report.nodeid] = reason_of(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one report."""
        payload = getattr(report, ATTRIBUTE, None)
        if payload is not None and payload.get("plan") is not None:
            # Taken out, since pytest keeps its reports and with them as many lists as there are tests.
            self._plan(payload.pop("plan"))
        if payload is not None and payload.get("unmarked"):
            for config_run in self.config_runs_of(report.nodeid):
                config_run.events.unmarked[report.nodeid] = None
        for config_run in self.config_runs_of(report.nodeid):
            config_run.tally.add(report)

    def _plan(self, plan: dict[str, Any] | None) -> None:
        if plan is None:
            return
        for config_run in self.config_runs:
            config_run.tally.plan(
                plan if not self._folders else share_of(plan, partial(self._belongs, config_run))
            )

    def _belongs(self, config_run: ConfigRun, node_id: str) -> bool:
        return config_run in self.config_runs_of(node_id)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note why the run ended early."""
        reason = str(excinfo.value)
        for config_run in self.config_runs:
            if reason.startswith(STOPPING):
                config_run.events.stopped = True
            elif not config_run.events.collection_errors:
                config_run.events.interrupted = reason or excinfo.typename

    def pytest_internalerror(self, excrepr: object) -> None:
        """Note that pytest itself failed."""
        lines = str(excrepr).strip().splitlines()
        for config_run in self.config_runs:
            config_run.events.interrupted = f"internal error: {lines[-1] if lines else 'unknown'}"[:300]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Seal the runs: pytest always calls this hook, whatever ended the session."""
        self._plan(session.config.stash[SOURCE_KEY].plan)  # where no test made a report that could bring it
        for config_run in self.config_runs:
            if str(session.shouldfail).startswith(STOPPING):
                config_run.events.stopped = True
            self._seal(config_run, session.config)
        if (
            any(config_run.blocked for config_run in self.config_runs)
            and session.exitstatus == pytest.ExitCode.OK
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        # History and hooks come last, when every record is written.
        for config_run in self.config_runs:
            if config_run.record is not None and config_run.write_error is None:
                problems = (
                    keep_history(config_run.run, config_run.record),
                    announce(session.config.hook, config_run.record, config_run.run.path),
                )
                config_run.warnings += [problem for problem in problems if problem is not None]

    def _seal(self, config_run: ConfigRun, config: pytest.Config) -> None:
        hook = config.hook
        with collector_paused():
            try:
                config_run.events.left_out = self._left_out(config_run, config)
                code = measured_code_quality(hook, config_run.run.folder, config_run.run.policy)
                config_run.tally.expect(expected_checks(config_run.run, self._root))
                extra = compared_metrics(hook, config_run.run.policy)
                config_run.record = seal(
                    config_run.run, config_run.tally, config_run.events, code=code, extra=extra
                )
                write_attested(config_run.run, config_run.record, config_run.key)
            except IoError as error:
                config_run.write_error = error
            except (Exception, SystemExit) as error:  # noqa: BLE001 -- the unfinished record stands, and blocks
                config_run.write_error = IoError(
                    f"the run could not be sealed: {type(error).__name__}: {error}"
                )

    def _left_out(self, config_run: ConfigRun, config: pytest.Config) -> tuple[str, ...]:
        """Return what was not collected; nothing where collecting did not come to its end, which is said."""
        if not config_run.tally.planned:
            return ()
        run, tally = config_run.run, config_run.tally
        patterns = NamePatterns(
            functions=tuple(config.getini("python_functions")), classes=tuple(config.getini("python_classes"))
        )
        return left_out(
            run.gates or run.folder,
            self._root,
            tests=tally.entries.keys(),
            files=tally.files,
            patterns=patterns,
        )

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the verdict, last."""
        for config_run in self.config_runs:
            if config_run.record is not None:
                show(terminalreporter, config_run.run, config_run.record, config_run.write_error)
            elif config_run.write_error is not None:
                terminalreporter.write_line(
                    f"mlops gate: INCOMPLETE: {config_run.write_error}", red=True, bold=True
                )
            show_warnings(terminalreporter, config_run.warnings)
