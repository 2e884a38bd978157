"""Results of model tests and facts about their run."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import model_validator

from pytest_mlops.records.base import Count, Flag, Label, Record, Seconds, Text

__all__ = ["Attempt", "OrdinaryTests", "Outcome", "SessionFacts", "TestResult", "TestResults"]


class Outcome(StrEnum):
    """Outcome of one model test."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    """Setup or teardown raised."""
    XFAILED = "xfailed"
    """Failed under ``xfail``; counts as failed, since ``xfail`` is not a waiver."""
    XPASSED = "xpassed"
    FLAKY = "flaky"
    """Passed only after a rerun."""
    UNDECIDED = "undecided"
    """The evidence is insufficient."""
    INCOMPLETE = "incomplete"
    """A required input is missing."""
    SKIPPED = "skipped"
    CRASHED = "crashed"
    """Its process crashed."""
    DESELECTED = "deselected"
    NOT_RUN = "not_run"
    """Collected, but never ran."""


class Attempt(Record):
    """An attempt that a rerun replaced."""

    outcome: Outcome
    duration: Seconds
    message: str = ""


class TestResult(Record):
    """Result of one model test; every parametrised case is a test."""

    __test__ = False

    test_name: Text
    """Node id of the test."""
    passed: Flag
    outcome: Outcome = Outcome.FAILED
    """By default ``passed`` or ``failed``, as ``passed`` says."""
    duration: Seconds = 0.0
    message: str = ""
    """Last line of the failure."""
    covers: tuple[Label, ...] = ()
    dataset: Label | None = None
    conclusive: Flag = False
    """Whether the test body ran to completion."""
    evidence: dict[str, Count | None] = {}
    """Slices with recorded metrics -> sample size, ``None`` if unknown."""
    attempts: tuple[Attempt, ...] = ()
    """Earlier attempts, oldest first."""

    @model_validator(mode="before")
    @classmethod
    def _outcome_of(cls, data: Any) -> Any:
        if isinstance(data, dict) and "outcome" not in data:
            return {**data, "outcome": Outcome.PASSED if data.get("passed") is True else Outcome.FAILED}
        return data

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.passed != (self.outcome in {Outcome.PASSED, Outcome.XPASSED}):
            raise ValueError(
                f"passed is {self.passed}, but the outcome is {self.outcome}; expected them to agree"
            )
        return self


class OrdinaryTests(Record):
    """Other tests of the same run; they do not count for coverage and pass rate."""

    total: Count = 0
    passed: Count = 0
    failed: tuple[Text, ...] = ()
    """Node ids of the tests that failed or errored."""


class SessionFacts(Record):
    """Facts about the run as a whole."""

    collection_errors: tuple[Text, ...] = ()
    interrupted: Text | None = None
    """Why the run stopped early."""
    lost_workers: tuple[Text, ...] = ()
    conflicts: tuple[Text, ...] = ()
    """Metrics that two tests recorded under the same key; each message names both tests."""
    artifact: Text | None = None
    """What is wrong with the model's files."""
    narrowed_by: tuple[Text, ...] = ()
    """Options and paths by which the user selected a subset of the tests."""
    uncollected: tuple[Text, ...] = ()
    """Files with model tests, and model tests of collected files, that pytest did not collect."""
    unmarked: tuple[Text, ...] = ()
    """Tests that recorded evidence without the ``model_test`` marker."""
    failed_in_pytest: tuple[Text, ...] = ()
    """Model tests that pytest itself counts as failed, so that its exit code is not 0."""
    code: dict[str, str] = {}
    """Unusable code reports -> reason."""


class TestResults(Record):
    """All model tests of one run, and facts about the run."""

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
    """Undecided or flaky."""
    incomplete_tests: Count = 0
    not_run_tests: Count = 0
    ordinary: OrdinaryTests = OrdinaryTests()
    session: SessionFacts = SessionFacts()
