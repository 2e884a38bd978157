"""Annotations as workflow commands, which need no token; GitHub keeps ten of each level for a step."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pytest_mlops.github.escape import command_data, command_property

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_mlops.github.annotations import Annotation

__all__ = ["MOST", "workflow_commands"]

MOST = 8
"""Annotations of one level; the next one counts the others (actions/runner, ``ExecutionContext.cs``)."""

_NAMES = {"failure": "error", "warning": "warning", "notice": "notice"}


def workflow_commands(annotations: Iterable[Annotation]) -> list[str]:
    """Return the lines to print: at most ``MOST`` of each level, and how many more there are."""
    lines = []
    for level, group in groupby(annotations, key=lambda one: one.level):
        listed = list(group)
        lines += [_command(one) for one in listed[:MOST]]
        more = len(listed) - MOST
        if more > 0:
            lines.append(f"::{_NAMES[level]} title=mlops gate::{more:,} more in the job summary")
    return lines


def _command(annotation: Annotation) -> str:
    properties = {"title": annotation.title}
    if annotation.place is not None:
        properties = {"file": annotation.place.path, "line": str(annotation.place.line), **properties}
    listed = ",".join(f"{name}={command_property(value)}" for name, value in properties.items())
    return f"::{_NAMES[annotation.level]} {listed}::{command_data(annotation.message)}"
