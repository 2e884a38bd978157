"""The gate session: listens to the whole run on the controller, seals it, shows it.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import IoError
from pytest_mlops.gate.seal import Events, seal, write_record
from pytest_mlops.gate.source import ATTRIBUTE, SOURCE_KEY
from pytest_mlops.gate.tally import Tally
from pytest_mlops.gate.terminal import header_line, show
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_mlops.gate.run import GateRun
    from pytest_mlops.gate.source import SourceSettings
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["GateSession"]

STOPPING = "stopping after"
"""How pytest and xdist begin the message of a run that ``-x`` or ``--maxfail`` ended."""


class GateSession:
    """Hooks of the controller: the one process that decides, writes and prints."""

    def __init__(self, run: GateRun, settings: SourceSettings) -> None:
        self.run = run
        self.settings = settings
        self.tally = Tally()
        self.events = Events(collection_errors={}, lost_workers=[])
        self.record: IntegrationResult | None = None
        self.write_error: IoError | None = None

    def pytest_report_header(self) -> str:
        """Say what is gated, in one line."""
        return header_line(self.run)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell an xdist worker what it has to know."""
        workers = int(node.workerinput.get("workercount", 1))
        node.workerinput[ATTRIBUTE] = {**self.settings.to_json(), "workers": workers}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take in the farewell of a worker, or note that it had none."""
        if error is not None:
            self.events.lost_workers.append(node.gateway.id)
        plan = getattr(node, "workeroutput", {}).get(ATTRIBUTE)
        if plan is not None:
            self.tally.plan(plan)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self.events.collection_errors[report.nodeid or "the test session"] = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Fold one report in."""
        self.tally.add(report)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note why the run ended early."""
        said = str(excinfo.value)
        if said.startswith(STOPPING):
            self.events.stopped = True
        elif not self.events.collection_errors:
            self.events.interrupted = said or excinfo.typename

    def pytest_internalerror(self, excrepr: object) -> None:
        """Note that pytest itself failed."""
        lines = str(excrepr).strip().splitlines()
        self.events.interrupted = f"internal error: {lines[-1] if lines else 'unknown'}"[:300]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Seal: the one place that always runs, whatever ended the run."""
        if str(session.shouldfail).startswith(STOPPING):
            self.events.stopped = True
        unsent = session.config.stash[SOURCE_KEY].plan
        if unsent is not None:  # no test made a report that could have brought it
            self.tally.plan(unsent)
        with _collector_paused():
            self.record = seal(self.run, self.tally, self.events)
            try:
                write_record(self.run, self.record)
            except IoError as error:
                self.write_error = error
        blocked = self.record.decision is Decision.BLOCK or self.write_error is not None
        if blocked and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the verdict, last."""
        if self.record is not None:
            show(terminalreporter, self.run, self.record, self.write_error)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Hold garbage collection off: sealing leaves no cycles, and one full pass visits all of the session."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
