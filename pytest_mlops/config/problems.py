"""Mistakes in a document, as problems with path and line in the order of the document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from pytest_mlops.errors import ConfigError, Problem
from pytest_mlops.text import render_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Mistake", "Place", "line_of", "refuse", "to_problems"]

Place = tuple[str | int, ...]
"""Where in a document: ``("rules", 2, "min")``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """One mistake before it is given its line.

    Attributes:
        place: Where in the document.
        message: What was found, what was expected, how to fix it.
        line: Where the place does not tell it, as for a key given twice.
    """

    place: Place
    message: str
    line: int | None = None


def refuse(source: str, message: str, line: int | None = None) -> NoReturn:
    """Raise a ConfigError about an option, or a document as a whole."""
    raise ConfigError(source, [Problem(path="", message=message, line=line)])


def line_of(place: Place, lines: Mapping[Place, int]) -> int | None:
    """Return the 1-based line of ``place``, or of the nearest place around it that has one."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)


def to_problems(mistakes: Iterable[Mistake], lines: Mapping[Place, int]) -> list[Problem]:
    """Return one problem for each place, the first mistake named there, in the order of the document."""
    first: dict[tuple[Place, int | None], Mistake] = {}
    for mistake in mistakes:
        first.setdefault((mistake.place, mistake.line), mistake)
    order = {place: index for index, place in enumerate(lines)}

    def position(mistake: Mistake) -> tuple[int, int]:
        place = mistake.place
        while place and place not in order:
            place = place[:-1]
        return (mistake.line or lines.get(place, 0), order.get(place, 0))

    return [
        Problem(
            path=render_path(mistake.place),
            message=mistake.message,
            line=mistake.line or line_of(mistake.place, lines),
        )
        for mistake in sorted(first.values(), key=position)
    ]
