"""The forest plot of a metric's changes: difference, interval and margin for each slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.report.changes import signed
from pytest_mlops.report.figures import axis_label, estimate_traces, row_layout, rows_drawn
from pytest_mlops.report.messages import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.report.changes import Change, ChangeSeries

__all__ = ["forest_figure"]


def forest_figure(series: ChangeSeries) -> dict[str, Any]:
    """Return the figure of a metric's change per slice; slices without a difference are left to the table."""
    drawn = rows_drawn(series.changes)
    margins = [
        (row, margin)
        for row, change in enumerate(drawn)
        for margin in (change.least, change.most)
        if margin is not None
    ]
    traces = [_no_change(len(drawn))]
    if margins:
        traces.append(_margins(margins))
    traces += estimate_traces(drawn, [_hover(change) for change in drawn])
    slices = [change.measured.slice for change in drawn]
    layout = row_layout(slices, f"Δ {axis_label(series.title)}, candidate - baseline")
    return {"data": traces, "layout": layout}


def _no_change(rows: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "no change",
        "meta": "ink",
        "x": [0, 0],
        "y": [-0.5, rows - 0.5],
        "line": {"width": 1},
        "hoverinfo": "skip",
    }


def _margins(margins: Sequence[tuple[int, float]]) -> dict[str, Any]:
    # Each spans its row, so that equal margins of neighbours make one line; a gap keeps the others apart.
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "margin",
        "meta": "limit",
        "x": [x for _, margin in margins for x in (margin, margin, None)],
        "y": [y for row, _ in margins for y in (row - 0.5, row + 0.5, None)],
        "line": {"dash": "dash", "width": 2},
        "connectgaps": False,
        "hoverinfo": "text",
        "text": [text for _, margin in margins for text in (f"margin {signed(margin)}",) * 2 + ("",)],
    }


def _hover(change: Change) -> str:
    parts = [
        f"{axis_label(change.measured.slice, 80)}: {change.columns[2]}",
        f"interval {change.between}",
        f"n {count(change.measured.n)}",
        change.allowed and f"allowed {change.allowed}",
        change.verdict.upper() if change.verdict is not None else "",
    ]
    return ", ".join(part for part in parts if part)
