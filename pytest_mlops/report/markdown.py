"""The Markdown report, within a budget of characters, for comments and job summaries."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_mlops.report.budget import MarkdownSection, fit
from pytest_mlops.report.changes import all_changes
from pytest_mlops.report.markdown_text import to_markdown_text
from pytest_mlops.report.messages import (
    count,
    describe_bound,
    describe_cell,
    describe_comparison,
    describe_waiver,
    headline,
    interval,
    number,
    provenance,
    rules_by_concern,
    scores,
    tests_by_concern,
    weak_spots,
    why_not_deployable,
)
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from pytest_mlops.records.integration import (
        CellCoverage,
        IntegrationResult,
        QualityPart,
        Reason,
        RuleResult,
        WaiverUse,
    )
    from pytest_mlops.records.measurement import Measurement, WeakSpot
    from pytest_mlops.records.results import TestResult
    from pytest_mlops.report.changes import Change
    from pytest_mlops.report.messages import Score

__all__ = ["BUDGET", "to_markdown"]

BUDGET = 60_000
"""Default budget in characters; GitHub limits comments to 65,536."""

COMMIT = re.compile(r"[0-9a-f]{40}")
TEST, RULE, CELL = ("test", "tests"), ("rule", "rules"), ("cell", "cells")
# Verdicts come early, so that a narrow screen shows them without scrolling.
RULE_COLUMNS = ("rule", "verdict", "estimate", "interval", "n", "MDE")
CHANGE_COLUMNS = ("change", "verdict", "Δ", "baseline", "candidate", "interval", "n", "allowed")
CELL_COLUMNS = ("cell", "weight", "covered", "tests", "n")


def to_markdown(
    record: IntegrationResult,
    *,
    budget: int = BUDGET,
    first: Sequence[MarkdownSection] = (),
    fold: bool = False,
) -> str:
    """Return the Markdown report of a record, reasons against the version first.

    Text from tests, configuration and model is escaped: it creates no markup, mentions or links.

    Args:
        record: The record.
        budget: Maximum number of characters. The last line counts the rows that do not fit.
        first: Additional sections, shown before those of the record.
        fold: Whether to collapse the sections that do not affect the verdict (``<details>`` on GitHub).

    Raises:
        ValueError: the budget is negative.
    """
    if budget < 0:
        raise ValueError(f"budget is {budget}; expected a number of characters of at least 0")
    head = f"## {to_markdown_text(headline(record))}"
    note = why_not_deployable(record)
    if note is not None:
        head += f"\n\n{note}"
    short = "partial" if record.partial is not None else record.verdict.upper()
    # Markdown joins two consecutive lists, so the second one gets a heading.
    sections = [*first, *_against(record, titled=any(section.items for section in first))]
    sections += [_folded(section) if fold else section for section in _beside(record)]
    return fit(head, short, [section for section in sections if section.items], budget)


def _against(record: IntegrationResult, *, titled: bool) -> Iterator[MarkdownSection]:
    tests = tests_by_concern(record)
    rules = [rule for _, rule in rules_by_concern(record)]
    gaps = [cell for cell in record.coverage_cells if cell.share < 1]
    head = "### Reasons\n" if titled else ""
    yield MarkdownSection(noun=("reason", "reasons"), head=head, items=record.reasons, row=_reason)
    against = [test for test in tests if not test.passed]
    yield _table(TEST, "Model tests that did not pass", ("test", "outcome", "message"), against, _test)
    ordinary = record.test_results.ordinary.failed
    yield _table(
        ("ordinary test", "ordinary tests"), "Ordinary tests that failed", ("test",), ordinary, _name
    )
    yield _table(("score", "scores"), "Scores", ("score", "value", "at least"), scores(record), _score)
    bound = [sentence for sentence in (describe_bound(record),) if sentence is not None]
    yield MarkdownSection(noun=("bound", "bounds"), head="", items=bound, row=str)
    failing = [rule for rule in rules if rule.verdict is not Verdict.PASS]
    yield _table(RULE, "Rules that did not pass", RULE_COLUMNS, failing, _rule)
    yield from _changes(record)
    yield _table(CELL, "Coverage gaps", CELL_COLUMNS, gaps, _cell)
    waiver_columns = ("waiver of", "status", "until", "approver", "reason")
    yield _table(("waiver", "waivers"), "Waivers", waiver_columns, record.waivers, _waiver)


def _beside(record: IntegrationResult) -> Iterator[MarkdownSection]:
    parts = [*record.quality.components, *record.quality.metrics, *record.quality.code]
    part_columns = ("part", "weight", "value", "score", "")
    yield _table(
        ("part of the quality score", "parts of the quality score"), "Quality", part_columns, parts, _part
    )
    spot_columns = ("slice", "metric", "value", "rest", "n", "q")
    title = "Weak slices, found by search; they do not affect the verdict"
    yield _table(("weak slice", "weak slices"), title, spot_columns, weak_spots(record), _weak_spot)
    passing = [rule for rule in record.rules if rule.verdict is Verdict.PASS]
    yield _table(RULE, "Rules that passed", RULE_COLUMNS, passing, _rule)
    covered = [cell for cell in record.coverage_cells if cell.share >= 1]
    yield _table(CELL, "Covered cells", CELL_COLUMNS, covered, _cell)
    measured = ("metric", "value", "n", "test")
    yield _table(("metric", "metrics"), "Recorded metrics", measured, record.measurements, _measurement)
    yield _table(("fact", "facts"), "Provenance", ("", ""), provenance(record), _fact)
    passed = [test for test in tests_by_concern(record) if test.passed]
    yield _table(TEST, "Model tests that passed", ("test", "outcome", "message"), passed, _test)


def _folded(section: MarkdownSection) -> MarkdownSection:
    """Return a section collapsed below its title."""
    title, _, rest = section.head.partition("\n\n")
    head = f"<details><summary>{title.removeprefix('### ')}</summary>\n\n{rest}"
    return replace(section, head=head, foot="\n\n</details>")


def _changes(record: IntegrationResult) -> Iterator[MarkdownSection]:
    if record.comparison is None:
        return
    sentence = to_markdown_text(describe_comparison(record.comparison), 1000)
    title = "### Changes against the baseline"
    yield MarkdownSection(noun=("baseline", "baselines"), head=f"{title}\n", items=[sentence], row=str)
    head = f"{_line(CHANGE_COLUMNS)}\n{_line(['---'] * len(CHANGE_COLUMNS))}"
    changes = all_changes(record)
    yield MarkdownSection(
        noun=("change", "changes"), head=head, items=changes, row=lambda one: _line(_change(one))
    )


def _table(
    noun: tuple[str, str],
    title: str,
    columns: Sequence[str],
    items: Sequence[Any],
    cells: Callable[[Any], Sequence[str]],
) -> MarkdownSection:
    head = f"### {title}\n\n{_line(columns)}\n{_line(['---'] * len(columns))}"
    return MarkdownSection(noun=noun, head=head, items=items, row=lambda item: _line(cells(item)))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _reason(reason: Reason) -> str:
    return f"- **{reason.verdict.upper()}** {to_markdown_text(reason.text, 1000)}"


def _name(name: str) -> Sequence[str]:
    return (to_markdown_text(name),)


def _test(test: TestResult) -> Sequence[str]:
    return (to_markdown_text(test.test_name), test.outcome.replace("_", " "), to_markdown_text(test.message))


def _score(score: Score) -> Sequence[str]:
    return (score.name, number(score.value) or "unknown", f"{score.threshold:g}")


def _rule(rule: RuleResult) -> Sequence[str]:
    note = " (report)" if rule.severity == "report" else ""
    mde = "" if rule.mde is None else f"{rule.mde:.2g}"
    between = interval(rule.lower, rule.upper)
    verdict = rule.verdict.upper() + note
    return (to_markdown_text(rule.rule), verdict, number(rule.estimate), between, count(rule.n), mde)


def _change(change: Change) -> Sequence[str]:
    baseline, candidate, difference, n = change.columns
    verdict = "" if change.verdict is None else change.verdict.upper()
    title, between = to_markdown_text(change.measured.title), to_markdown_text(change.between)
    return (title, verdict, difference, baseline, candidate, between, n, change.allowed)


def _cell(cell: CellCoverage) -> Sequence[str]:
    return (
        to_markdown_text(cell.cell),
        f"{cell.weight:g}",
        describe_cell(cell),
        str(cell.claims),
        count(cell.n),
    )


def _waiver(waiver: WaiverUse) -> Sequence[str]:
    subject, until = to_markdown_text(waiver.subject), to_markdown_text(waiver.expires)
    return (
        subject,
        describe_waiver(waiver),
        until,
        to_markdown_text(waiver.approver),
        to_markdown_text(waiver.reason),
    )


def _part(part: QualityPart) -> Sequence[str]:
    score = part.status if part.score is None else number(part.score)
    name, note = to_markdown_text(part.name), to_markdown_text(part.note)
    return (name, f"{part.weight:g}", number(part.value), score, note)


def _measurement(measurement: Measurement) -> Sequence[str]:
    value = number(measurement.value) or "undefined"
    return (
        to_markdown_text(measurement.title),
        value,
        count(measurement.n),
        to_markdown_text(measurement.test),
    )


def _weak_spot(found: tuple[str, WeakSpot]) -> Sequence[str]:
    by, spot = found
    name, rest = to_markdown_text(spot.slice), number(spot.rest) or ""
    return (name, to_markdown_text(by), number(spot.value) or "", rest, count(spot.n), f"{spot.q:.2g}")


def _fact(fact: tuple[str, str]) -> Sequence[str]:
    # GitHub links full commit hashes, which is intended here.
    return (fact[0], fact[1] if COMMIT.fullmatch(fact[1]) else to_markdown_text(fact[1]))
