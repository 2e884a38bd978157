"""Annotations of source lines: failing tests and rules, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_mlops.records.results import Outcome
from pytest_mlops.report.messages import rules_by_concern
from pytest_mlops.text import one_line
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.github.source_location import SourceLocation, SourceLocator
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["Annotation", "Level", "annotations_of"]

Level = Literal["failure", "warning", "notice"]
ORDER: tuple[Level, ...] = ("failure", "warning", "notice")

_QUIET = {Outcome.PASSED, Outcome.XPASSED, Outcome.DESELECTED, Outcome.NOT_RUN, Outcome.SKIPPED}
_UNSETTLED = {Outcome.UNDECIDED, Outcome.FLAKY}


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """A message about a line.

    Attributes:
        location: ``None`` where the record names no file of this repository.
        title: On one line.
        message: On one line.
    """

    level: Level
    location: SourceLocation | None
    title: str
    message: str


def annotations_of(record: IntegrationResult, locations: SourceLocator) -> tuple[Annotation, ...]:
    """Return an annotation for each test and rule that did not pass, the worst first."""
    found = [
        Annotation(
            level="warning" if test.outcome in _UNSETTLED else "failure",
            location=locations.of_test(test.test_name),
            title=_short(f"{test.outcome.replace('_', ' ')}: {test.test_name}"),
            message=_long(test.message or f"the model test {test.outcome.replace('_', ' ')}"),
        )
        for test in record.test_results.results
        if test.outcome not in _QUIET
    ]
    found += [
        Annotation(
            level=_level(rule.verdict, rule.severity),
            location=locations.of_rule(index),
            title=_short(f"{rule.verdict.upper()}: {rule.rule}"),
            message=_long(rule.message),
        )
        for index, rule in rules_by_concern(record)
        if rule.verdict is not Verdict.PASS
    ]
    return tuple(sorted(found, key=lambda one: ORDER.index(one.level)))


def _level(verdict: Verdict, severity: str) -> Level:
    if severity == "report" or verdict is Verdict.WAIVED:
        return "notice"
    return "warning" if verdict is Verdict.UNDECIDED else "failure"


def _short(text: str) -> str:
    return one_line(text, 250) or "model test"


def _long(text: str) -> str:
    return one_line(text, 4000) or "no message"
