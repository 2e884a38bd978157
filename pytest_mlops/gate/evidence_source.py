"""The evidence source: attaches what tests recorded to their reports, where they run.

It lives in the one process of a plain run, or in each xdist worker; what it knows comes in plain JSON
types, and what it records travels on reports.  PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import functools
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import IncompleteEvidence, UndecidedEvidence
from pytest_mlops.gate.attempts import Attempts
from pytest_mlops.gate.marks import ModelTestMark, read_mark, undeclared
from pytest_mlops.gate.sink import Sink
from pytest_mlops.gate.worker_config import WorkerConfig, WorkerSettings, nearest
from pytest_mlops.names import matches_test

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from pytest_mlops.checks.base import Check

__all__ = [
    "ATTRIBUTE",
    "SESSION_NAME",
    "SOURCE_KEY",
    "EvidenceSource",
    "activate_worker",
    "deactivate",
    "make_plan",
    "register_source",
]

ATTRIBUTE = "mlops"
"""Attribute of a report that carries our payload."""

DECIDED_BY_GATE = "the gate decides on this failure"

SOURCE_NAME, SESSION_NAME = "mlops-source", "mlops-session"
"""Names of the plugins that activation registers, here and in the process that decides."""

OUTSIDE = "lies below the folder of none of the configurations that this run was given"


SOURCE_KEY = pytest.StashKey["EvidenceSource"]()
_MARK_KEY = pytest.StashKey[ModelTestMark]()
_SINK_KEY = pytest.StashKey[Sink]()
_ATTEMPTS_KEY = pytest.StashKey[Attempts]()


class EvidenceSource:
    """Hooks of the process in which tests run.

    Args:
        settings: Each configuration, as the controller describes it.
        extra_checks: Checks that plugins bring along, by name.
    """

    def __init__(
        self,
        settings: Sequence[WorkerSettings],
        extra_checks: Mapping[str, type[Check]] | None = None,
    ) -> None:
        self.worker_configs = tuple(WorkerConfig(each, extra_checks) for each in settings)
        self.plan: dict[str, Any] | None = None
        self._plan_sent = False
        self._files: dict[str, None] = {}
        self._read_last: tuple[pytest.Mark, WorkerConfig, ModelTestMark | str] | None = None
        self._folders = [Path(each.gates) for each in settings if each.gates is not None]
        self._worker_config_at: dict[Path, WorkerConfig | None] = {}

    def worker_config_of(self, node: pytest.Item | pytest.Collector) -> WorkerConfig | None:
        """Return the config of a test; ``None`` where no configuration gates its folder."""
        if not self._folders:
            return self.worker_configs[0]
        path = node.path
        if path not in self._worker_config_at:
            index = nearest(path.resolve(), self._folders)
            self._worker_config_at[path] = None if index is None else self.worker_configs[index]
        return self._worker_config_at[path]

    def open_sink(self, item: pytest.Item, worker_config: WorkerConfig) -> Sink:
        """Start a new attempt of ``item``, which replaces what an earlier attempt recorded."""
        previous = item.stash.get(_SINK_KEY, None)
        if previous is not None:
            previous.forget(worker_config.owners)
        mark = item.stash.get(_MARK_KEY, None)
        sink = Sink(node_id=item.nodeid, mark=mark if mark is not None else ModelTestMark())
        item.stash[_SINK_KEY] = sink
        return sink

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Collect the checks of ``mlops.yaml`` from the file itself."""
        for worker_config in self.worker_configs:
            if worker_config.settings.config == str(file_path):
                from pytest_mlops.gate.items import check_file  # noqa: PLC0415 -- where there are checks only

                return check_file(parent, file_path, worker_config)
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Turn a wrong marker into a collection error of its module, with or without xdist."""
        report = yield
        if isinstance(collector, pytest.File):
            self._files[collector.nodeid] = None
        if report.passed and report.result:
            items = [node for node in report.result if isinstance(node, pytest.Item)]
            problems = [problem for item in items if (problem := self._read(item)) is not None]
            if problems:
                report.outcome = "failed"
                report.longrepr = "\n".join(problems)
                report.result = []
        return report

    def _read(self, item: pytest.Item) -> str | None:
        found = item.get_closest_marker("model_test")
        if found is None:
            return None
        worker_config = self.worker_config_of(item)
        mark = OUTSIDE if worker_config is None else self._understand(found, worker_config)
        if isinstance(mark, str):
            path, line, _ = item.reportinfo()
            where = f"{Path(path).name}:{line + 1}" if line is not None else Path(path).name
            return f"{where}: {item.name}: model_test {mark}"
        if _MARK_KEY not in item.stash:
            self._watch(item)
        item.stash[_MARK_KEY] = mark
        return None

    def _watch(self, item: pytest.Item) -> None:
        attempts = Attempts(restart=functools.partial(self._forget, item))
        attempts.watch(item)
        item.stash[_ATTEMPTS_KEY] = attempts

    def _forget(self, item: pytest.Item) -> None:
        """Drop what an attempt recorded that another one replaces."""
        sink, worker_config = item.stash.get(_SINK_KEY, None), self.worker_config_of(item)
        if sink is not None and worker_config is not None:
            sink.forget(worker_config.owners)

    def _understand(self, found: pytest.Mark, worker_config: WorkerConfig) -> ModelTestMark | str:
        """Read a marker once for all parameter cases that share it; return what is wrong with it."""
        last = self._read_last
        if last is None or last[0] is not found or last[1] is not worker_config:
            mark = read_mark(found)
            problem = None if isinstance(mark, str) else undeclared(mark, worker_config.settings.cells)
            self._read_last = last = found, worker_config, mark if problem is None else problem
        return last[2]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, None, None]:
        """Note every model test that was collected, and which of them other plugins then deselected."""
        collected = {item.nodeid: mark for item in items if (mark := item.stash.get(_MARK_KEY, None))}
        yield
        # Other plugins may have marked tests in this very hook.
        late = [item for item in items if _MARK_KEY not in item.stash]
        problems = [problem for item in late if (problem := self._read(item)) is not None]
        if problems:
            raise pytest.UsageError(*problems)
        collected |= {item.nodeid: mark for item in late if (mark := item.stash.get(_MARK_KEY, None))}
        self.plan = make_plan(collected, {item.nodeid for item in items}, tuple(self._files))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        """Exclude the collected items from garbage collections: they live to the end of the run.

        The more tests there are, the longer each collection would take. The plugin thaws what is frozen here
        when pytest itself has cleaned up.
        """
        gc.freeze()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note a setup, which begins another attempt where there was one before."""
        if (attempts := item.stash.get(_ATTEMPTS_KEY, None)) is not None:
            attempts.setup()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Have the answer checked before a plugin takes the test function away to run it elsewhere."""
        __tracebackhide__ = True
        attempts = item.stash.get(_ATTEMPTS_KEY, None)
        if attempts is None or not isinstance(item, pytest.Function):
            return (yield)
        restore = attempts.checking(item)
        try:
            return (yield)
        finally:
            restore()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach what was recorded; leave to the gate the failures that it decides on."""
        report = yield
        sink = item.stash.get(_SINK_KEY, None)
        recorded = None if sink is None else sink.drain()
        if _MARK_KEY not in item.stash:
            if recorded is not None:
                _payload(report)["unmarked"] = True
            return report
        if earlier := item.stash[_ATTEMPTS_KEY].earlier:
            _payload(report)["attempts"] = list(earlier)
        if recorded is not None:
            _payload(report)["recorded"] = recorded
        if call.excinfo is not None and call.when == "call":
            if (outcome := _outcome_of(call.excinfo)) is not None:
                _payload(report)["outcome"] = outcome
                if outcome == "undecided":
                    # Not by pytest.xfail, which --runxfail turns into a pass.
                    report.outcome, report.wasxfail = "skipped", str(call.excinfo.value)
            elif report.failed:
                self._leave_to_gate(item, call.excinfo, report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send the plan along with the first report that is sent at all; plugins hide some."""
        if self.plan is not None:
            self._plan_sent = True
            _payload(report)["plan"], self.plan = self.plan, None

    def _leave_to_gate(
        self, item: pytest.Item, raised: pytest.ExceptionInfo[BaseException], report: pytest.TestReport
    ) -> None:
        worker_config = self.worker_config_of(item)
        if worker_config is None or not raised.errisinstance(AssertionError):
            return
        settings = worker_config.settings
        if settings.gate_decides or any(matches_test(pattern, item.nodeid) for pattern in settings.waived):
            report.outcome = "skipped"
            report.wasxfail = DECIDED_BY_GATE
            _payload(report)["outcome"] = "failed"

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send the plan with the worker's last message if no test made a report."""
        if not self._plan_sent and hasattr(session.config, "workeroutput"):
            session.config.workeroutput[ATTRIBUTE] = self.plan


def _outcome_of(raised: pytest.ExceptionInfo[BaseException]) -> str | None:
    """Return the outcome of a call that raised, where it is one that pytest does not have."""
    if raised.errisinstance(IncompleteEvidence):
        return "incomplete"
    return "undecided" if raised.errisinstance(UndecidedEvidence) else None


def make_plan(
    collected: dict[str, ModelTestMark], kept: set[str], files: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the model tests that are expected, in JSON types.

    Returns:
        ``marks``: what the markers say, each once; ``tests``: node id -> position of its marker in ``marks``,
        in collection order; ``deselected``: node ids that others took out; ``files``: node ids of the files
        that were collected, those without model tests too.
    """
    positions: dict[ModelTestMark, int] = {}
    tests = {node_id: positions.setdefault(mark, len(positions)) for node_id, mark in collected.items()}
    return {
        "marks": [[list(mark.covers), mark.dataset] for mark in positions],
        "tests": tests,
        "deselected": [node_id for node_id in tests if node_id not in kept],
        "files": list(files),
    }


def _payload(report: pytest.TestReport) -> dict[str, Any]:
    """Return the dictionary that travels with ``report``, made on first use."""
    payload: dict[str, Any] | None = getattr(report, ATTRIBUTE, None)
    if payload is None:
        payload = {}
        setattr(report, ATTRIBUTE, payload)
    return payload


def activate_worker(config: pytest.Config, settings: list[dict[str, Any]]) -> None:
    """Start the evidence source of an xdist worker, with what the controller sent it.

    A worker reads no configuration and makes no record, so it starts without what those need.
    """
    worker_configs = [WorkerSettings.from_json(each) for each in settings]
    checks: Mapping[str, type[Check]] = {}
    if any(each.checks for each in worker_configs):
        from pytest_mlops.gate.extensions import extra_checks  # noqa: PLC0415 -- where there are checks only

        checks = extra_checks(config.hook)
    register_source(config, worker_configs, checks)


def deactivate(config: pytest.Config) -> None:
    """Unregister what activation registered."""
    for name in (SOURCE_NAME, SESSION_NAME):
        if config.pluginmanager.hasplugin(name):
            config.pluginmanager.unregister(name=name)


def register_source(
    config: pytest.Config, settings: Sequence[WorkerSettings], checks: Mapping[str, type[Check]]
) -> None:
    """Start the evidence source of this process."""
    for each in settings:
        if each.config is not None and not _spanned(config, Path(each.config)):
            # Checks are expected whatever paths were given.
            config.args.append(each.config)
    source = EvidenceSource(settings, checks)
    config.stash[SOURCE_KEY] = source
    config.pluginmanager.register(source, SOURCE_NAME)


def _spanned(config: pytest.Config, path: Path) -> bool:
    """Tell whether an argument leads pytest to ``path``; pytest 8 drops a folder if its file is named too."""
    folder = config.invocation_params.dir
    named = [(folder / argument).resolve() for argument in config.args if "::" not in argument]
    return any(path.is_relative_to(each) for each in named)
