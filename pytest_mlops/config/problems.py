"""Mistakes in a document, as problems with path and line in the order of the document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import Problem
from pytest_mlops.text import render_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["KeyPath", "Mistake", "line_of", "to_problems"]

KeyPath = tuple[str | int, ...]
"""Where in a document: ``("rules", 2, "min")``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """One mistake before it is given its line.

    Attributes:
        key_path: Where in the document.
        message: What was got, what was expected, how to fix it.
        line: Where the key path does not give it, as for a key given twice.
    """

    key_path: KeyPath
    message: str
    line: int | None = None


def line_of(key_path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """Return the 1-based line of ``key_path``, or of the nearest one around it that has a line."""
    while key_path and key_path not in lines:
        key_path = key_path[:-1]
    return lines.get(key_path)


def to_problems(mistakes: Iterable[Mistake], lines: Mapping[KeyPath, int]) -> list[Problem]:
    """Return one problem for each key path, the first mistake named there, in the order of the document."""
    first: dict[tuple[KeyPath, int | None], Mistake] = {}
    for mistake in mistakes:
        first.setdefault((mistake.key_path, mistake.line), mistake)
    order = {key_path: index for index, key_path in enumerate(lines)}

    def position(mistake: Mistake) -> tuple[int, int]:
        key_path = mistake.key_path
        while key_path and key_path not in order:
            key_path = key_path[:-1]
        return (mistake.line or lines.get(key_path, 0), order.get(key_path, 0))

    return [
        Problem(
            path=render_path(mistake.key_path),
            message=mistake.message,
            line=mistake.line or line_of(mistake.key_path, lines),
        )
        for mistake in sorted(first.values(), key=position)
    ]
