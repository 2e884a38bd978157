"""Report files."""

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
    """Write the report of a record to a file.

    Args:
        record: The record.
        kind: ``html``, or ``md`` for Markdown.
        path: Path of the report.
        result: Path of the record, with its arrays beside it.
        history: Recorded runs of the model, for the trends of the HTML report; ``None`` omits them.

    Raises:
        IoError: the report could not be written, or would overwrite the record.
        MLOpsError: the ``report`` extra, which HTML needs, is not installed.
    """
    if path.resolve() == result.resolve():
        raise IoError(f"{path} is the record itself; choose another path for the report")
    if kind == "html":
        text = to_html(record, arrays=result.parent / "arrays", history=history)
    else:
        text = to_markdown(record)
    write_atomically(path, text.encode())
