"""The figure of a trend: a line through the runs, each with its interval and verdict, and the bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.report.figures import SYMBOLS, WORDS, axis_label
from pytest_mlops.report.messages import interval, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.report.trends import Trend, TrendPoint

__all__ = ["trend_figure"]

HEIGHT = 320
"""Pixels."""


def trend_figure(trend: Trend) -> dict[str, Any]:
    """Return the figure of a trend; runs in which the value is unknown are left to the table."""
    drawn = [point for point in trend.points if point.value is not None]
    traces = [_line(drawn)]
    if trend.score:  # the verdict of a run is not one on each of its scores
        traces.append({**_markers("accent", "circle", drawn), "name": "run"})
    else:
        for role, symbol in SYMBOLS.items():
            points = [point for point in drawn if (point.verdict or "none") == role]
            if points:
                traces.append(_markers(role, symbol, points))
    traces += [_limit(limit, drawn) for limit in trend.limits]
    bounds = {"range": [-0.04, 1.04]} if trend.score else {}
    layout = {
        "height": HEIGHT,
        "xaxis": {"type": "date", "nticks": 6},
        "yaxis": {
            "title": {"text": axis_label(trend.title)},
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
        "name": WORDS.get(role, role),
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
        "text": [_hover(point) for point in points],
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


def _hover(point: TrendPoint) -> str:
    between = interval(point.lower, point.upper)
    parts = [
        f"{point.ended}, {axis_label(point.version, 80)}: {number(point.value)}",
        f"95 % interval {between}" if between else "",
        point.verdict.upper() if point.verdict is not None else "",
    ]
    return ", ".join(part for part in parts if part)
