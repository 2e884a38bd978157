"""What a record shows to people: as a report, and as a plan of further measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.decision.planning import plan_rules
from pytest_mlops.errors import refuse
from pytest_mlops.evidence.verify import read_record
from pytest_mlops.operations.project import find_project
from pytest_mlops.report.markdown import to_markdown
from pytest_mlops.report.write import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.decision.planning import RulePlan

__all__ = ["plan", "report"]


def report(
    path: Path,
    *,
    html: Path | None = None,
    markdown: Path | None = None,
    history: bool = False,
    store: str | None = None,
) -> str | None:
    """Write the reports of a record; the record is read and not verified.

    Args:
        path: The record; its arrays lie beside it.
        html: Where a self-contained page goes.
        markdown: Where Markdown goes.
        history: Whether the page shows the model's recorded runs.
        store: URL of the store that holds them.

    Returns:
        The Markdown itself, where no file is named.

    Raises:
        ConfigError: ``history`` without ``html``.
        EvidenceError: the record cannot be read.
        IoError: a report cannot be written.
        StoreError: the store cannot be read.
    """
    if history and html is None:
        refuse("--history", "applies to the HTML page; set its path with --html, or leave --history out")
    record = read_record(path)
    if html is not None:
        runs = None
        if history:
            from pytest_mlops.report.trends import read_history  # noqa: PLC0415 -- of the ops extra

            project = find_project(store=store)
            runs = read_history(record, project.folder, url=project.store)
        write_report(record, "html", html, result=path, history=runs)
    if markdown is not None:
        write_report(record, "md", markdown, result=path)
    return to_markdown(record) if html is None and markdown is None else None


def plan(path: Path, margins: Sequence[float]) -> tuple[RulePlan, ...]:
    """Return what each rule of a record can detect, and the examples that it needs for each margin.

    Raises:
        EvidenceError: the record cannot be read.
    """
    return tuple(plan_rules(read_record(path), margins))
