"""Plotly figures as JSON; traces name roles, which the page maps to colours of its scheme."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pytest_mlops.report.changes import signed
from pytest_mlops.report.messages import count, interval, number
from pytest_mlops.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.report.changes import Change, ChangeSeries
    from pytest_mlops.report.reliability import Curve
    from pytest_mlops.report.series import MetricSeries, Point
    from pytest_mlops.report.trends import Trend, TrendPoint
    from pytest_mlops.verdict import Verdict

__all__ = [
    "SLICES_DRAWN",
    "forest_figure",
    "reliability_figure",
    "series_figure",
    "trend_figure",
]


Row = TypeVar("Row", bound="Drawable")

SLICES_DRAWN = 24
"""Maximum number of slices in one figure; the table lists all of them."""
LABEL_LIMIT = 22
ROW_HEIGHT, FRAME_HEIGHT, TREND_HEIGHT = 30, 130, 320
"""Pixels."""

# Verdicts differ by shape, not by colour alone.
SYMBOLS = {
    "none": "circle-open",
    "pass": "circle",
    "waived": "triangle-up",
    "undecided": "diamond",
    "fail": "x",
    "incomplete": "square",
}
LABELS = {"none": "no rule"}


class Drawable(Protocol):
    """Data of one row of a figure: an estimate with its bounds and verdict."""

    @property
    def value(self) -> float | None: ...
    @property
    def lower(self) -> float | None: ...
    @property
    def upper(self) -> float | None: ...
    @property
    def verdict(self) -> Verdict | None: ...


def series_figure(series: MetricSeries) -> dict[str, Any]:
    """Return the figure of a metric by slice: estimate, interval, threshold."""
    drawn = _rows_drawn(series.points)
    traces = _estimate_traces(drawn, [_describe_slice(point) for point in drawn])
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
        "layout": _row_layout([point.slice for point in drawn], _axis_label(series.title)),
    }


def _rows_drawn(points: Sequence[Row]) -> list[Row]:
    """Return the first points that have a value, up to the limit of a figure."""
    return [point for point in points if point.value is not None][:SLICES_DRAWN]


def _row_layout(slices: Sequence[str], title: str) -> dict[str, Any]:
    """Return the layout of a figure with one row per slice, the first on top."""
    rows = len(slices)
    labels = [_axis_label(name) for name in slices]
    axis = {"tickvals": list(range(rows)), "ticktext": labels, "range": [rows - 0.5, -0.5]}
    return {
        "height": FRAME_HEIGHT + ROW_HEIGHT * rows,
        "xaxis": {"title": {"text": title}, "zeroline": False},
        "yaxis": {**axis, "automargin": True, "zeroline": False},
        "showlegend": True,
    }


def _estimate_traces(points: Sequence[Drawable], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return one trace per verdict; point ``i`` is in row ``i`` with the hover text ``texts[i]``."""
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
        "name": LABELS.get(role, role),
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
    """Return the figure of a reliability curve with the counts of its bins."""
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
        "text": [
            f"predicted {one.probability:.3g}, observed {one.observed:.3g}, n {one.n:,}" for one in bins
        ],
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
        "xaxis": {"title": {"text": "predicted probability"}, "range": [-0.03, 1.03], "anchor": "y2"},
        "yaxis": {"title": {"text": "observed frequency"}, "range": [-0.03, 1.03], "domain": [0.3, 1]},
        "yaxis2": {"title": {"text": "n"}, "domain": [0, 0.2], "rangemode": "tozero", "nticks": 3},
        "showlegend": True,
    }
    return {"data": [diagonal, observed, counts], "layout": layout}


def _axis_label(text: str, limit: int = LABEL_LIMIT) -> str:
    """Shorten a name for a figure and escape it, since plotly interprets tags such as ``<b>``."""
    return html.escape(one_line(text, limit), quote=False)


def _describe_slice(point: Point) -> str:
    between = interval(point.lower, point.upper)
    parts = [
        f"{_axis_label(point.slice, 80)}: {number(point.value)}",
        f"95 % interval {between}" if between else "",
        f"n {count(point.n)}" if point.n is not None else "",
        point.verdict.upper() if point.verdict is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def forest_figure(series: ChangeSeries) -> dict[str, Any]:
    """Return the forest plot of a metric's changes by slice; undefined changes appear only in the table."""
    drawn = _rows_drawn(series.changes)
    margins = [
        (row, margin)
        for row, change in enumerate(drawn)
        for margin in (change.least, change.most)
        if margin is not None
    ]
    traces = [_no_change(len(drawn))]
    if margins:
        traces.append(_margins(margins))
    traces += _estimate_traces(drawn, [_describe_change(change) for change in drawn])
    slices = [change.measured.slice for change in drawn]
    layout = _row_layout(slices, f"Δ {_axis_label(series.title)}, candidate - baseline")
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
    # Each margin spans its row; equal margins of neighbouring rows join, None separates the others.
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


def _describe_change(change: Change) -> str:
    parts = [
        f"{_axis_label(change.measured.slice, 80)}: {change.columns[2]}",
        f"interval {change.between}",
        f"n {count(change.measured.n)}",
        change.allowed and f"allowed {change.allowed}",
        change.verdict.upper() if change.verdict is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def trend_figure(trend: Trend) -> dict[str, Any]:
    """Return the figure of a trend; runs without a value appear only in the table."""
    drawn = [point for point in trend.points if point.value is not None]
    traces = [_line(drawn)]
    if trend.score:  # a run has one verdict, not one per score
        traces.append({**_markers("accent", "circle", drawn), "name": "run"})
    else:
        for role, symbol in SYMBOLS.items():
            points = [point for point in drawn if (point.verdict or "none") == role]
            if points:
                traces.append(_markers(role, symbol, points))
    traces += [_limit(limit, drawn) for limit in trend.limits]
    bounds = {"range": [-0.04, 1.04]} if trend.score else {}
    layout = {
        "height": TREND_HEIGHT,
        "xaxis": {"type": "date", "nticks": 6},
        "yaxis": {
            "title": {"text": _axis_label(trend.title)},
            "automargin": True,
            "zeroline": False,
            **bounds,
        },
        "showlegend": True,
    }
    return {"data": traces, "layout": layout}


def _line(points: Sequence[TrendPoint]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "meta": "accent",
        "x": [point.ended for point in points],
        "y": [point.value for point in points],
        "line": {"width": 1.5},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _markers(role: str, symbol: str, points: Sequence[TrendPoint]) -> dict[str, Any]:
    values = [point.value or 0.0 for point in points]
    pairs = list(zip(points, values, strict=True))
    return {
        "type": "scatter",
        "mode": "markers",
        "name": LABELS.get(role, role),
        "meta": role,
        "x": [point.ended for point in points],
        "y": values,
        "marker": {"symbol": symbol, "size": 9},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [0.0 if point.upper is None else point.upper - value for point, value in pairs],
            "arrayminus": [0.0 if point.lower is None else value - point.lower for point, value in pairs],
            "thickness": 1.5,
            "width": 4,
        },
        "hoverinfo": "text",
        "text": [_describe_run(point) for point in points],
    }


def _limit(limit: float, points: Sequence[TrendPoint]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"threshold {limit:g}",
        "meta": "limit",
        "x": [points[0].ended, points[-1].ended],
        "y": [limit, limit],
        "line": {"dash": "dash", "width": 1.5},
        "hoverinfo": "skip",
    }


def _describe_run(point: TrendPoint) -> str:
    between = interval(point.lower, point.upper)
    parts = [
        f"{point.ended}, {_axis_label(point.version, 80)}: {number(point.value)}",
        f"95 % interval {between}" if between else "",
        point.verdict.upper() if point.verdict is not None else "",
    ]
    return ", ".join(part for part in parts if part)
