"""Reports written to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_mlops.errors import IoError
from pytest_mlops.files import write_atomically
from pytest_mlops.report.html import to_html
from pytest_mlops.report.markdown import to_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.report.trends import RunPoint

__all__ = ["Kind", "write_report"]

Kind = Literal["html", "md"]


def write_report(
    record: IntegrationResult,
    kind: Kind,
    path: Path,
    *,
    result: Path,
    history: Sequence[RunPoint] | None = None,
) -> None:
    """Write ``record`` as a report.

    Args:
        record: The record.
        kind: ``html``, or ``md`` for Markdown.
        path: Where the report goes.
        result: Where the record lies, and its arrays beside it.
        history: Recorded runs of the model, for the trends of the HTML page; ``None`` for a page without.

    Raises:
        IoError: it could not be written, or would replace the record itself.
        MLOpsError: the ``report`` extra, which HTML needs, is not installed.
    """
    if path.resolve() == result.resolve():
        raise IoError(f"{path} is the record itself; give the report a path of its own")
    if kind == "html":
        text = to_html(record, arrays=result.parent / "arrays", history=history)
    else:
        text = to_markdown(record)
    write_atomically(path, text.encode())
