"""pytest's reports, reduced to one outcome per test.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mlops.gate.evidence_source import ATTRIBUTE, DECIDED_BY_GATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

__all__ = ["RunTally", "TestEntry", "reason_of"]

RERUN = "rerun"
"""The outcome that pytest-rerunfailures gives to an attempt it discards."""

SEVERITY = {"undecided": 1, "xfailed": 2, "failed": 3, "incomplete": 4}
"""Outcomes of a call that no later report of the same test can improve."""

PHASES = frozenset({"setup", "call", "teardown"})


@dataclass(kw_only=True, slots=True)
class TestEntry:
    """The state of one model test; outcomes are the values of ``records.results.Outcome``."""

    covers: tuple[str, ...]
    dataset: str | None
    outcome: str = "not_run"
    conclusive: bool = False
    duration: float = 0.0
    message: str = ""
    attempts: tuple[tuple[str, float, str], ...] = ()
    payloads: tuple[dict[str, Any], ...] = ()
    subtests: int = 0
    subtests_skipped: int = 0

    def start_again(self, report: pytest.TestReport) -> None:
        """Store the attempt that ``report`` ends; a rerun replaces what it recorded."""
        outcome = "failed" if report.when == "call" else "errored"
        self.attempts += ((outcome, self.duration + report.duration, reason_of(report)),)
        self.outcome, self.conclusive, self.duration, self.message = "not_run", False, 0.0, ""
        self.payloads, self.subtests, self.subtests_skipped = (), 0, 0

    def take(self, payload: dict[str, Any]) -> None:
        """Take in what came with a report; evidence of attempts that were replaced is dropped.

        Plugins that hide the reports of such attempts leave no other trace of them.
        """
        replaced = payload.get("attempts", ())
        if len(replaced) > len(self.attempts):
            self.attempts = tuple((outcome, duration, message) for outcome, duration, message in replaced)
            self.payloads = ()
        if "recorded" in payload:
            self.payloads += (payload["recorded"],)

    def add(self, report: pytest.TestReport) -> None:
        """Add the report of one phase."""
        self.duration += report.duration
        if report.when == "call":
            self._add_call(report)
        elif report.failed:
            if self.outcome != "failed":
                self.outcome, self.message = "errored", reason_of(report)
        elif report.skipped and report.when == "setup":  # a teardown that skips changes nothing
            self.outcome = "xfailed" if hasattr(report, "wasxfail") else "skipped"
            self.message = reason_of(report)

    def _add_call(self, report: pytest.TestReport) -> None:
        worst = self.outcome, self.conclusive, self.message
        self._add_one_call(report)
        # A subtest sends a report of its own for the same phase, and its parent passes all the same.
        if SEVERITY.get(self.outcome, 0) < SEVERITY.get(worst[0], 0):
            self.outcome, self.conclusive, self.message = worst

    def _add_one_call(self, report: pytest.TestReport) -> None:
        if hasattr(report, "context"):
            self.subtests += 1
            self.subtests_skipped += report.skipped and not hasattr(report, "wasxfail")
        self.conclusive = True
        if report.passed and self.subtests and self.subtests == self.subtests_skipped:
            self.outcome, self.conclusive = "skipped", False
            return
        if report.passed:
            self.outcome = "xpassed" if hasattr(report, "wasxfail") else "passed"
            return
        payload = getattr(report, ATTRIBUTE, None) or {}
        self.message = reason_of(report)
        if "outcome" in payload:
            self.outcome, self.conclusive = payload["outcome"], payload["outcome"] == "failed"
        elif report.failed:
            self.outcome = "failed"
        elif hasattr(report, "wasxfail"):
            self.outcome = "xfailed"
        else:
            self.outcome, self.conclusive = "skipped", False

    def refused(self) -> str | None:
        """Return why a recording call was refused, where one was."""
        refusals = (one["why"] for payload in self.payloads for one in payload.get("refused", ()))
        return next(refusals, None)

    def settled(self) -> str:
        """Return the outcome, flaky where only a rerun passed."""
        repeated = any(outcome != "passed" for outcome, _, _ in self.attempts)
        return "flaky" if repeated and self.outcome in {"passed", "xpassed"} else self.outcome


class RunTally:
    """Every test of a run, model tests by node id, in the order they were collected."""

    def __init__(self) -> None:
        self.entries: dict[str, TestEntry] = {}
        self.planned = False
        self.files: frozenset[str] = frozenset()
        self.failed_in_pytest: dict[str, None] = {}
        self.ordinary_total = 0
        self.ordinary_passed = 0
        self.ordinary_failed: dict[str, None] = {}
        self._crashed: list[str] = []

    def plan(self, plan: dict[str, Any]) -> None:
        """Read what was collected; every worker sends the same, and the first one counts."""
        if self.planned:
            return
        self.planned = True
        self.files = frozenset(plan["files"])
        marks = [(tuple(covers), dataset) for covers, dataset in plan["marks"]]
        for node_id, position in plan["tests"].items():
            covers, dataset = marks[position]
            self.entries[node_id] = TestEntry(covers=covers, dataset=dataset)
        for node_id in plan["deselected"]:
            self.entries[node_id].outcome = "deselected"

    def expect(self, tests: Iterable[tuple[str, tuple[str, ...], str | None]]) -> None:
        """Add the (node id, cells, data set) of tests that must not be missing, where they are."""
        for node_id, covers, dataset in tests:
            # Of a file outside pytest's root folder only the end of a node id is known.
            _, _, ending = node_id.rpartition("/")
            if not any(known == ending or known.endswith(f"/{ending}") for known in self.entries):
                self.entries[node_id] = TestEntry(covers=covers, dataset=dataset)

    def skip(self, node_id: str, why: str) -> None:
        """Count a file that was skipped as a whole as one test; how many it holds is unknown."""
        self.entries[node_id] = TestEntry(covers=(), dataset=None, outcome="skipped", message=why)

    def add(self, report: pytest.TestReport) -> None:
        """Add one report, of a model test or an ordinary one."""
        if report.when not in PHASES:
            # xdist makes this report for the test that its worker died under; no plan may have come in yet.
            self._crashed.append(report.nodeid)
            return
        entry = self.entries.get(report.nodeid)
        if entry is None:
            self._add_ordinary(report)
        elif str(report.outcome) == RERUN:
            entry.start_again(report)
        else:
            entry.add(report)
            if report.failed:
                self.failed_in_pytest[report.nodeid] = None
            if (payload := getattr(report, ATTRIBUTE, None)) is not None:
                entry.take(payload)

    def _add_ordinary(self, report: pytest.TestReport) -> None:
        if report.when == "setup" and not getattr(report, "rerun", 0):
            self.ordinary_total += 1
        if report.failed:
            self.ordinary_failed[report.nodeid] = None
        elif report.when == "call" and report.passed:
            self.ordinary_passed += 1

    def close(self) -> None:
        """Mark the tests that died with their process, now that the plan is known."""
        for node_id in self._crashed:
            entry = self.entries.get(node_id)
            if entry is None:
                self.ordinary_failed[node_id] = None
            else:
                entry.outcome, entry.conclusive, entry.message = "crashed", False, "its process died"
        for entry in self.entries.values():
            if entry.outcome in {"passed", "xpassed"} and (why := entry.refused()) is not None:
                entry.outcome, entry.conclusive = "incomplete", False
                entry.message = f"a recording call was refused, and the test went on: {why}"


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return in one line why a test did not pass."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if hasattr(report, "wasxfail") and report.wasxfail != DECIDED_BY_GATE:
        text = str(report.wasxfail)
    elif crash is not None:
        text = str(crash.message)
    elif isinstance(report.longrepr, tuple):
        text = str(report.longrepr[2])
    else:
        text = str(report.longrepr or "")
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")[:300]
    # A record is UTF-8, which lone surrogates are not.
    return line.encode("utf-8", "replace").decode()
