"""Figures as plain plotly JSON: traces carry roles, to which the page gives the colours of its scheme."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pytest_mlops.report.messages import count, interval, number
from pytest_mlops.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.report.reliability import Curve
    from pytest_mlops.report.series import Point, Series
    from pytest_mlops.verdict import Verdict

__all__ = [
    "SLICES_DRAWN",
    "axis_label",
    "estimate_traces",
    "reliability_figure",
    "row_layout",
    "rows_drawn",
    "series_figure",
]

Row = TypeVar("Row", bound="Drawable")

SLICES_DRAWN = 24
"""Slices in one figure; the table beside it has them all."""
LABEL_LIMIT = 22
ROW_HEIGHT, FRAME_HEIGHT = 30, 130
"""Pixels."""

# Told apart by shape, and by colour only besides.
SYMBOLS = {
    "none": "circle-open",
    "pass": "circle",
    "waived": "triangle-up",
    "undecided": "diamond",
    "fail": "x",
    "incomplete": "square",
}
WORDS = {"none": "no rule"}


class Drawable(Protocol):
    """What a row of a figure is drawn from: an estimate between two bounds, and a verdict on it."""

    @property
    def value(self) -> float | None: ...
    @property
    def lower(self) -> float | None: ...
    @property
    def upper(self) -> float | None: ...
    @property
    def verdict(self) -> Verdict | None: ...


def series_figure(series: Series) -> dict[str, Any]:
    """Return the figure of a metric per slice: estimate, interval, threshold."""
    drawn = rows_drawn(series.points)
    traces = estimate_traces(drawn, [_hover(point) for point in drawn])
    limits = [
        (row, limit)
        for row, point in enumerate(drawn)
        for limit in (point.least, point.most)
        if limit is not None
    ]
    if limits:
        traces.append(_limits(limits))
    return {
        "data": traces,
        "layout": row_layout([point.slice for point in drawn], axis_label(series.title)),
    }


def rows_drawn(points: Sequence[Row]) -> list[Row]:
    """Return the points that a figure shows: the first of those that have a value."""
    return [point for point in points if point.value is not None][:SLICES_DRAWN]


def row_layout(slices: Sequence[str], title: str) -> dict[str, Any]:
    """Return the layout of a figure with a row for each slice, the first one on top."""
    rows = len(slices)
    labels = [axis_label(name) for name in slices]
    axis = {"tickvals": list(range(rows)), "ticktext": labels, "range": [rows - 0.5, -0.5]}
    return {
        "height": FRAME_HEIGHT + ROW_HEIGHT * rows,
        "xaxis": {"title": {"text": title}, "zeroline": False},
        "yaxis": {**axis, "automargin": True, "zeroline": False},
        "showlegend": True,
    }


def estimate_traces(points: Sequence[Drawable], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return a trace for each verdict, point ``i`` in row ``i`` and explained by ``texts[i]``."""
    traces = []
    for role, symbol in SYMBOLS.items():
        rows = [row for row, point in enumerate(points) if (point.verdict or "none") == role]
        if rows:
            trace = _estimates(role, symbol, [points[row] for row in rows])
            traces.append({**trace, "y": rows, "text": [texts[row] for row in rows]})
    return traces


def _estimates(role: str, symbol: str, points: Sequence[Drawable]) -> dict[str, Any]:
    values = [point.value or 0.0 for point in points]
    above = [
        value if point.upper is None else point.upper for value, point in zip(values, points, strict=True)
    ]
    below = [
        value if point.lower is None else point.lower for value, point in zip(values, points, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": WORDS.get(role, role),
        "meta": role,
        "x": values,
        "marker": {"symbol": symbol, "size": 9},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [top - value for top, value in zip(above, values, strict=True)],
            "arrayminus": [value - bottom for value, bottom in zip(values, below, strict=True)],
            "thickness": 1.5,
            "width": 4,
        },
        "hoverinfo": "text",
    }


def _limits(limits: Sequence[tuple[int, float]]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "threshold",
        "meta": "limit",
        "x": [limit for _, limit in limits],
        "y": [row for row, _ in limits],
        "marker": {"symbol": "line-ns-open", "size": 16, "line": {"width": 2}},
        "hoverinfo": "text",
        "text": [f"threshold {limit:g}" for _, limit in limits],
    }


def reliability_figure(curve: Curve) -> dict[str, Any]:
    """Return the figure of a reliability curve, the counts of its bins below."""
    bins = curve.bins
    probability = [one.probability for one in bins]
    diagonal = {
        "type": "scatter",
        "mode": "lines",
        "name": "perfect calibration",
        "meta": "limit",
        "x": [0, 1],
        "y": [0, 1],
        "line": {"dash": "dash", "width": 1.5},
        "hoverinfo": "skip",
    }
    observed = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "observed, 95 % interval",
        "meta": "accent",
        "x": probability,
        "y": [one.observed for one in bins],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [one.upper - one.observed for one in bins],
            "arrayminus": [one.observed - one.lower for one in bins],
            "thickness": 1.5,
            "width": 4,
        },
        "marker": {"size": 8},
        "hoverinfo": "text",
        "text": [f"stated {one.probability:.3g}, observed {one.observed:.3g}, n {one.n:,}" for one in bins],
    }
    counts = {
        "type": "bar",
        "name": "examples in the bin",
        "meta": "none",
        "x": probability,
        "y": [one.n for one in bins],
        "width": [0.015] * len(bins),
        "yaxis": "y2",
        "hoverinfo": "text",
        "text": [f"{one.n:,} examples" for one in bins],
        "textposition": "none",
    }
    layout = {
        "height": 440,
        "xaxis": {"title": {"text": "stated probability"}, "range": [-0.03, 1.03], "anchor": "y2"},
        "yaxis": {"title": {"text": "share observed"}, "range": [-0.03, 1.03], "domain": [0.3, 1]},
        "yaxis2": {"title": {"text": "n"}, "domain": [0, 0.2], "rangemode": "tozero", "nticks": 3},
        "showlegend": True,
    }
    return {"data": [diagonal, observed, counts], "layout": layout}


def axis_label(text: str, limit: int = LABEL_LIMIT) -> str:
    """Clip a name for a figure; plotly takes ``<b>`` and its like for markup, so they are escaped."""
    return html.escape(one_line(text, limit), quote=False)


def _hover(point: Point) -> str:
    between = interval(point.lower, point.upper)
    parts = [
        f"{axis_label(point.slice, 80)}: {number(point.value)}",
        f"95 % interval {between}" if between else "",
        f"n {count(point.n)}" if point.n is not None else "",
        point.verdict.upper() if point.verdict is not None else "",
    ]
    return ", ".join(part for part in parts if part)
