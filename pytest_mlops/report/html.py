"""The HTML report: one self-contained page."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import MLOpsError
from pytest_mlops.report import messages
from pytest_mlops.report.changes import all_changes, by_metric
from pytest_mlops.report.figures import (
    SLICES_DRAWN,
    forest_figure,
    reliability_figure,
    series_figure,
    trend_figure,
)
from pytest_mlops.report.reliability import reliability_curves
from pytest_mlops.report.series import MetricSeries, all_series
from pytest_mlops.report.trends import all_trends
from pytest_mlops.text import one_line
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import jinja2

    from pytest_mlops.records.integration import CellCoverage, IntegrationResult
    from pytest_mlops.report.trends import RunPoint

__all__ = [
    "Matrix",
    "MatrixRow",
    "coverage_matrix",
    "to_html",
]


TEXT_LIMIT = 1000
"""Maximum characters of one name or message."""
ROW_LIMIT = 5_000
"""Maximum rows of one table, and of all tables of metrics together; the rest is counted."""
FIGURE_LIMIT = 40
"""Maximum number of metrics with a figure; the others have only a table."""
CELL_LIMIT = 20_000
"""Maximum cells of the coverage matrix."""
REASONS_SHOWN = 10
TRENDS_OPEN = 3
"""Number of trends expanded at first: the three scores."""

SYMBOLS = {"pass": "✓", "waived": "◐", "undecided": "?", "fail": "✗", "incomplete": "∅"}
TONES = {
    "passed": "pass",
    "xpassed": "pass",
    "failed": "fail",
    "errored": "fail",
    "crashed": "fail",
    "xfailed": "fail",
    "incomplete": "incomplete",
    "not_run": "incomplete",
    "undecided": "undecided",
    "flaky": "undecided",
}


def to_html(
    record: IntegrationResult, *, arrays: Path | None, history: Sequence[RunPoint] | None = None
) -> str:
    """Return the HTML report of a record.

    The content security policy of the page allows no requests and no scripts but its own.

    Args:
        record: The record.
        arrays: Folder of the arrays that the record refers to, for reliability curves; ``None`` omits them.
        history: Recorded runs of the model, in any order; ``None`` omits the trends.

    Raises:
        MLOpsError: the ``report`` extra is not installed.
    """
    environment, plotly = _environment(), _plotly()
    curves, notes = reliability_curves(record, arrays)
    series, unlisted = _within(all_series(record), ROW_LIMIT)
    sliced = [one for one in series if one.sliced]
    figures: dict[str, Any] = {
        f"series-{index}": series_figure(one)
        for index, one in enumerate(sliced[:FIGURE_LIMIT])
        if any(point.value is not None for point in one.points)
    }
    changes = all_changes(record)
    forests = [one for one in by_metric(changes) if any(change.value is not None for change in one.changes)]
    figures |= {f"forest-{index}": forest_figure(one) for index, one in enumerate(forests[:FIGURE_LIMIT])}
    figures |= {f"curve-{index}": reliability_figure(curve) for index, curve in enumerate(curves)}
    trends = None if history is None else all_trends(record, history)
    figures |= {f"trend-{index}": trend_figure(one) for index, one in enumerate(trends or ()) if one.drawn}
    page, plots = _asset("page.js"), plotly if figures else None
    # Rules that did not pass are also listed in a separate table first.
    rules = [rule for _, rule in messages.rules_by_concern(record)]
    matrix = coverage_matrix(record)
    return environment.get_template("report.html.j2").render(
        record=record,
        messages=messages,
        tests=messages.tests_by_concern(record),
        rules=rules,
        failing_rules=[rule for rule in rules if rule.verdict is not Verdict.PASS],
        baseline=None if record.comparison is None else messages.describe_comparison(record.comparison),
        changes=changes,
        forests=forests[:FIGURE_LIMIT],
        undrawn=len(forests[FIGURE_LIMIT:]),
        trends=trends,
        matrix=matrix,
        matrix_rows=max(1, CELL_LIMIT // max(1, len(matrix.capabilities))),
        plain=[one for one in series if not one.sliced],
        sliced=sliced,
        unlisted=unlisted,
        curves=curves,
        notes=notes,
        figures=figures,
        slices_drawn=SLICES_DRAWN,
        row_limit=ROW_LIMIT,
        reasons_shown=REASONS_SHOWN,
        trends_open=TRENDS_OPEN,
        symbols=SYMBOLS,
        tones=TONES,
        style=_markup(_asset("page.css")),
        scripts=[_markup(script) for script in (plots, page) if script is not None],
        hashes=" ".join(_hash(script) for script in (plots, page) if script is not None),
    )


def _within(series: Iterable[MetricSeries], most: int) -> tuple[list[MetricSeries], int]:
    """Keep the first ``most`` points; return them and the number of omitted points."""
    kept, left_out = [], 0
    for one in series:
        points = one.points[:most]
        most -= len(points)
        left_out += len(one.points) - len(points)
        if points:
            kept.append(MetricSeries(title=one.title, points=points))
    return kept, left_out


@cache
def _environment() -> jinja2.Environment:
    """Return the template environment: autoescaping, and undefined names are errors."""
    try:
        import jinja2  # noqa: PLC0415 -- of an extra
    except ImportError as error:
        raise _missing() from error
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_asset),
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["spaced"] = lambda text: text.replace("_", " ")
    return environment


def _finalize(value: object) -> object:
    # Markup, a subclass of str, is passed through.
    return one_line(value, TEXT_LIMIT) if type(value) is str else value


@cache
def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415 -- of an extra
    except ImportError as error:
        raise _missing() from error
    return str(get_plotlyjs())


def _missing() -> MLOpsError:
    return MLOpsError(
        "an HTML report needs jinja2 and plotly, which are not installed; run pip install "
        "'pytest-mlops[report]'"
    )


def _asset(name: str) -> str:
    return files("pytest_mlops.report").joinpath("templates", name).read_text(encoding="utf-8")


def _markup(text: str) -> object:
    """Mark a text of this package or of plotly as safe, so that it is not escaped."""
    from markupsafe import Markup  # noqa: PLC0415 -- of an extra, comes with jinja2

    return Markup(text)  # noqa: S704 -- never text from a record


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixRow:
    """One row of the coverage matrix: a slice, on one data set if the cells name one.

    Attributes:
        slice: Name of the slice.
        dataset: Name of the data set; ``None`` for any data set.
        cells: One cell per capability; ``None`` where the capability is not declared on the slice.
    """

    slice: str
    dataset: str | None
    cells: tuple[CellCoverage | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """The coverage matrix: slices by capabilities."""

    capabilities: tuple[str, ...]
    rows: tuple[MatrixRow, ...]


def coverage_matrix(record: IntegrationResult) -> Matrix:
    """Return the declared cells as a matrix, slices and capabilities in the order of declaration."""
    found = {cell.cell: cell for cell in record.coverage_cells}
    placed: dict[tuple[str, str | None], dict[str, CellCoverage]] = {}
    capabilities: dict[str, None] = {}
    for cell in record.policy.cells():
        if cell.title in found:
            capabilities[cell.capability] = None
            placed.setdefault((cell.slice, cell.dataset), {})[cell.capability] = found[cell.title]
    rows = tuple(
        MatrixRow(slice=slice_, dataset=dataset, cells=tuple(cells.get(name) for name in capabilities))
        for (slice_, dataset), cells in placed.items()
    )
    return Matrix(capabilities=tuple(capabilities), rows=rows)
