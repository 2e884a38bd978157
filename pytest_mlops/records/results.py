"""Test results: outcomes of the model tests, and events of the run as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import model_validator

from pytest_mlops.records.base import Count, Flag, Label, Record, Seconds, Text

__all__ = ["Attempt", "OrdinaryTests", "Outcome", "SessionFacts", "TestResult", "TestResults"]


class Outcome(StrEnum):
    """How one model test ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    """Setup or teardown raised."""
    XFAILED = "xfailed"
    """Failed under ``xfail``, which is not a waiver: counts as failed."""
    XPASSED = "xpassed"
    FLAKY = "flaky"
    """Passed only after a rerun."""
    UNDECIDED = "undecided"
    """Measured, but the evidence does not suffice."""
    INCOMPLETE = "incomplete"
    """Did not get what it needs."""
    SKIPPED = "skipped"
    CRASHED = "crashed"
    """Its process died."""
    DESELECTED = "deselected"
    NOT_RUN = "not_run"
    """Collected, but without a report."""


class Attempt(Record):
    """An attempt that a rerun replaced."""

    outcome: Outcome
    duration: Seconds
    message: str = ""


class TestResult(Record):
    """One model test; every parameter case is a test."""

    __test__ = False

    test_name: Text
    """Node id."""
    passed: Flag
    outcome: Outcome
    duration: Seconds = 0.0
    message: str = ""
    """Why it did not pass."""
    covers: tuple[Label, ...] = ()
    dataset: Label | None = None
    conclusive: Flag = False
    """Whether the test's body ran and passed or failed by itself."""
    evidence: dict[str, Count | None] = {}
    """Slices with recorded numbers -> number of examples, ``None`` if unknown."""
    attempts: tuple[Attempt, ...] = ()
    """Earlier attempts, oldest first."""

    @model_validator(mode="after")
    def _passed_says_the_outcome(self) -> Self:
        if self.passed != (self.outcome in {Outcome.PASSED, Outcome.XPASSED}):
            raise ValueError(f"passed is {self.passed}, but the outcome is {self.outcome}")
        return self


class OrdinaryTests(Record):
    """Other tests of the same run; they do not count in coverage and pass rate."""

    total: Count = 0
    passed: Count = 0
    failed: tuple[Text, ...] = ()
    """Node ids of those that failed or errored."""


class SessionFacts(Record):
    """What happened to the run as a whole."""

    collection_errors: tuple[Text, ...] = ()
    interrupted: Text | None = None
    """Why the run ended early."""
    lost_workers: tuple[Text, ...] = ()
    conflicts: tuple[Text, ...] = ()
    """Numbers that two tests recorded under one key; each message names both."""
    artifact: Text | None = None
    """What is wrong with the model's own files."""
    narrowed_by: tuple[Text, ...] = ()
    """Options and paths by which the user selected a part of the tests."""
    uncollected: tuple[Text, ...] = ()
    """Those among them that keep tests from being collected at all."""
    code: dict[str, str] = {}
    """Code reports that could not be used -> why."""


class TestResults(Record):
    """All model tests of one run, and events of the run as a whole."""

    __test__ = False

    results: tuple[TestResult, ...] = ()
    total_tests: Count = 0
    passed_tests: Count = 0
    failed_tests: Count = 0
    """Failed or xfailed."""
    errored_tests: Count = 0
    """Errored or crashed."""
    skipped_tests: Count = 0
    deselected_tests: Count = 0
    undecided_tests: Count = 0
    """Undecided, or passed only after a rerun."""
    incomplete_tests: Count = 0
    not_run_tests: Count = 0
    ordinary: OrdinaryTests = OrdinaryTests()
    session: SessionFacts = SessionFacts()
