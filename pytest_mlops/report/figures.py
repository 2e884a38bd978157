"""Figures as plain plotly JSON: traces carry roles, to which the page gives the colours of its scheme."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from pytest_mlops.report.text import one_line
from pytest_mlops.report.words import count, interval, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.report.reliability import Curve
    from pytest_mlops.report.series import Point, Series

__all__ = ["SLICES_DRAWN", "reliability_figure", "series_figure"]

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


def series_figure(series: Series) -> dict[str, Any]:
    """Return the figure of a metric per slice: estimate, interval, threshold."""
    drawn = [point for point in series.points if point.value is not None][:SLICES_DRAWN]
    rows = list(enumerate(drawn))
    traces = []
    for role, symbol in SYMBOLS.items():
        chosen = [(row, point) for row, point in rows if (point.verdict or "none") == role]
        if chosen:
            traces.append(_estimates(role, symbol, chosen))
    limits = [(row, limit) for row, point in rows for limit in (point.least, point.most) if limit is not None]
    if limits:
        traces.append(_limits(limits))
    labels = [_label(point.slice) for point in drawn]
    axis = {"tickvals": list(range(len(drawn))), "ticktext": labels, "range": [len(drawn) - 0.5, -0.5]}
    layout = {
        "height": FRAME_HEIGHT + ROW_HEIGHT * len(drawn),
        "xaxis": {"title": {"text": _label(series.title)}, "zeroline": False},
        "yaxis": {**axis, "automargin": True, "zeroline": False},
        "showlegend": True,
    }
    return {"data": traces, "layout": layout}


def _estimates(role: str, symbol: str, chosen: Sequence[tuple[int, Point]]) -> dict[str, Any]:
    points = [point for _, point in chosen]
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
        "y": [row for row, _ in chosen],
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
        "text": [_hover(point) for point in points],
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


def _label(text: str) -> str:
    """Clip a name for an axis; plotly takes ``<b>`` and its like for markup, so they are escaped."""
    return html.escape(one_line(text, LABEL_LIMIT), quote=False)


def _hover(point: Point) -> str:
    between = interval(point.lower, point.upper)
    parts = [
        f"{html.escape(one_line(point.slice, 80), quote=False)}: {number(point.value)}",
        f"95 % interval {between}" if between else "",
        f"n {count(point.n)}" if point.n is not None else "",
        point.verdict.upper() if point.verdict is not None else "",
    ]
    return ", ".join(part for part in parts if part)
