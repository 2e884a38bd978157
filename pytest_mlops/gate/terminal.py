"""The terminal section: the verdict first, then why.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import os
import shutil
import textwrap
from typing import TYPE_CHECKING

from pytest_mlops.report.messages import (
    count,
    describe_bound,
    describe_cell,
    describe_comparison,
    describe_waiver,
    headline,
    interval,
    number,
    scores,
    subject,
    weak_spots,
    why_not_deployable,
)
from pytest_mlops.text import cut
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import pytest

    from pytest_mlops.errors import IoError
    from pytest_mlops.gate.run import GateRun
    from pytest_mlops.records.integration import IntegrationResult, RuleResult

__all__ = ["header_line", "relative_path", "show", "show_warnings"]

Line = tuple[str, dict[str, bool]]
"""A line and its colours, as ``TerminalReporter.write_line`` takes them."""

COLOURS: dict[Verdict, dict[str, bool]] = {
    Verdict.PASS: {"green": True},
    Verdict.WAIVED: {"yellow": True},
    Verdict.UNDECIDED: {"yellow": True},
    Verdict.FAIL: {"red": True},
    Verdict.INCOMPLETE: {"red": True},
}
MAX_REASONS = 10
MAX_RULES = 20


def header_line(run: GateRun) -> str:
    """Return the line for pytest's header."""
    model = "no model declared" if run.model_version is None else subject(run.model_version)
    cells, rules = len(run.policy.cells()), len(run.policy.rules)
    config = run.provenance.config or "no mlops.yaml, defaults apply"
    return f"mlops gate: {model}; {cells} cells, {rules} rules, context {run.context} ({config})"


def show(
    reporter: pytest.TerminalReporter, run: GateRun, record: IntegrationResult, write_error: IoError | None
) -> None:
    """Write the section for ``record``; one line under ``-q``, every part under ``-v``."""
    verbosity = reporter.config.get_verbosity()
    verdict = Verdict.UNDECIDED if record.partial is not None else record.verdict
    title, colours = headline(record), COLOURS[verdict]
    if write_error is not None:
        title, colours = f"INCOMPLETE: {write_error}", COLOURS[Verdict.INCOMPLETE]
    where = relative_path(run.path)
    reporter.ensure_newline()
    if verbosity < 0:
        reporter.write_line(f"mlops gate: {title} ({where})", bold=True, **colours)
        return
    reporter.section("mlops gate", sep="=", bold=True, **colours)
    reporter.write_line(title, bold=True, **colours)
    for text, colours in _body(record, verbose=verbosity > 0):
        reporter.write_line(text, **colours)
    if write_error is None:
        reporter.write_line(f"record: {where}")


def show_warnings(reporter: pytest.TerminalReporter, warnings: Sequence[str]) -> None:
    """Write what went wrong after the record was written."""
    for warning in warnings:
        for line, colours in _paragraph(f"warning: {warning}", "", {"yellow": True}):
            reporter.write_line(line, **colours)


def _body(record: IntegrationResult, *, verbose: bool) -> Iterator[Line]:
    yield from _reasons(record, verbose=verbose)
    yield from _scores(record)
    shown = [rule for rule in record.rules if verbose or rule.verdict is not Verdict.PASS]
    if shown:
        yield "", {}
        changes = {rule.name for rule in record.policy.rules if rule.compares}
        yield from _rules(shown if verbose else shown[:MAX_RULES], changes)
        if len(shown) > MAX_RULES and not verbose:
            yield f"  … and {len(shown) - MAX_RULES} more; -v shows every rule", {}
    if verbose:
        yield from _details(record)
    elif record.comparison is not None and record.comparison.removed:
        left, all_ = record.comparison.removed, record.comparison.removed + record.comparison.paired
        yield "", {}
        yield from _paragraph(
            f"{left:,} of the {all_:,} examples of the baseline are not in this run and were not compared",
            "  ",
        )
    note = why_not_deployable(record)
    if note is not None:
        yield "", {}
        yield from _paragraph(note, "")


def _reasons(record: IntegrationResult, *, verbose: bool) -> Iterator[Line]:
    limit = len(record.reasons) if verbose else MAX_REASONS
    for reason in record.reasons[:limit]:
        yield from _paragraph(f"{reason.verdict.upper()} {reason.text}", "  ", COLOURS[reason.verdict])
    if len(record.reasons) > limit:
        yield f"  … and {len(record.reasons) - limit} more reasons; -v shows them", {}
    if record.reasons:
        yield "", {}


def _scores(record: IntegrationResult) -> Iterator[Line]:
    for score in scores(record):
        yield f"  {score.name:<14} {number(score.value) or 'unknown':>8}  at least {score.threshold:g}", {}
    bound = describe_bound(record)
    if bound is not None:
        yield from _paragraph(bound, "  ")


def _rules(rules: Sequence[RuleResult], changes: Collection[str]) -> Iterator[Line]:
    rows = [("rule", "estimate", "interval", "n", "MDE", "verdict")]
    rows += [_rule_row(rule, signed=rule.rule in changes) for rule in rules]
    colours = [{"bold": True}, *(COLOURS[rule.verdict] for rule in rules)]
    return zip(_table(rows), colours, strict=True)


def _rule_row(rule: RuleResult, *, signed: bool) -> tuple[str, str, str, str, str, str]:
    return (
        rule.rule,
        number(rule.estimate, signed=signed),
        interval(rule.lower, rule.upper, signed=signed),
        count(rule.n),
        "" if rule.mde is None else f"{rule.mde:.2g}",
        rule.verdict.upper() + (" (report)" if rule.severity == "report" else ""),
    )


def _details(record: IntegrationResult) -> Iterator[Line]:
    """Yield what only ``-v`` shows."""
    from pytest_mlops.report.changes import all_changes  # noqa: PLC0415 -- with -v only

    cells = [
        (cell.cell, f"{cell.weight:g}", describe_cell(cell), str(cell.claims), count(cell.n))
        for cell in record.coverage_cells
    ]
    yield from _section(("cell", "weight", "covered", "tests", "n"), cells)
    if record.comparison is not None:
        yield "", {}
        yield from _paragraph(describe_comparison(record.comparison), "  ")
    changes = [
        (one.measured.title, *one.columns[:3], one.between, one.columns[3]) for one in all_changes(record)
    ]
    yield from _section(("change", "from", "to", "by", "bounds", "n"), changes)
    spots = [
        (spot.slice, metric, number(spot.value), number(spot.rest), count(spot.n), f"{spot.q:.2g}")
        for metric, spot in weak_spots(record)
    ]
    yield from _section(("weak slice (not in the verdict)", "metric", "value", "rest", "n", "q"), spots)
    yield from _quality(record)
    for waiver in record.waivers:
        text = f"waiver of {waiver.subject} ({waiver.approver}, until {waiver.expires})"
        yield from _paragraph(f"{text}: {describe_waiver(waiver)}", "  ")


def _quality(record: IntegrationResult) -> Iterator[Line]:
    parts = [*record.quality.components, *record.quality.metrics, *record.quality.code]
    rows = [(part.name, f"{part.weight:g}", number(part.score) or part.status) for part in parts]
    yield from _section(("quality", "weight", "score"), rows)
    for part in parts:
        if part.note:
            yield from _paragraph(f"{part.name}: {part.note}", "  ")


def _section(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    """Yield a table after an empty line; nothing without rows."""
    if rows:
        yield "", {}
        yield from ((line, {}) for line in _table([head, *rows]))


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    # The widest column is cut where the line would not fit.
    widest = widths.index(max(widths))
    over = 2 + sum(widths) + 2 * (len(widths) - 1) - _width()
    widths[widest] = max(8, widths[widest] - max(0, over))
    for row in rows:
        cells = [cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  " + "  ".join(cells).rstrip()


def _paragraph(text: str, indent: str, colours: dict[str, bool] | None = None) -> Iterator[Line]:
    for line in textwrap.wrap(text, _width(), initial_indent=indent, subsequent_indent=indent + "  "):
        yield line, colours or {}


def _width() -> int:
    return min(100, shutil.get_terminal_size((80, 24)).columns)


def relative_path(path: Path) -> str:
    """Return a path as seen from the current folder; in full where it lies outside."""
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown
