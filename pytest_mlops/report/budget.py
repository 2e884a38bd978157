"""Sections of Markdown fitted into a budget of characters, the most important first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MarkdownSection", "fit"]

FIRST_ROWS = 5
"""Rows of each later section that room is reserved for while earlier sections are cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkdownSection:
    """Rows below a heading.

    Attributes:
        noun: Noun for a row, in the singular and the plural.
        head: Heading, and the header of a table.
        items: One item per row.
        row: Formats the row of one item; called only for rows that may be shown.
        foot: Text below the rows.
    """

    noun: tuple[str, str]
    head: str
    items: Sequence[Any]
    row: Callable[[Any], str]
    foot: str = ""

    def cut(self, room: int) -> tuple[str, int]:
        """Return the rows that fit into ``room`` characters and their number; an empty text if none fits."""
        start = self._start()
        lines, used = [], len(start) + len(self.foot)
        for item in self.items:
            line = "\n" + self.row(item)
            used += len(line)
            if used > room:
                break
            lines.append(line)
        return (start + "".join(lines) + self.foot, len(lines)) if lines else ("", 0)

    def least(self) -> int:
        """Return the number of characters of the heading and the first rows."""
        rows = sum(len(self.row(item)) + 1 for item in self.items[:FIRST_ROWS])
        return len(self._start()) + rows + len(self.foot)

    def _start(self) -> str:
        return f"\n\n{self.head}" if self.head else "\n"


def fit(head: str, short: str, sections: Sequence[MarkdownSection], budget: int) -> str:
    """Return ``head`` and the rows of ``sections`` that fit; the last line counts the omitted rows.

    Args:
        head: Always shown, if it fits into the budget together with the last line.
        short: Shown instead if it does not fit; cut to the budget.
        sections: The most important first. Each section reserves room for the first rows of the later ones,
            up to half of the remaining budget.
        budget: Maximum number of characters.
    """
    left: Counter[tuple[str, str]] = Counter()
    for section in sections:
        left[section.noun] += len(section.items)
    # The last line counts the rows that are left, so it can only get shorter.
    room = budget - len(head) - len(_last_line(left)) - 1
    if room < 0:
        return short[:budget]
    text = head
    later = sum(section.least() for section in sections)
    for section in sections:
        later -= section.least()
        shown, rows = section.cut(max(room - later, room // 2))
        text += shown
        room -= len(shown)
        left[section.noun] -= rows
    return f"{text}{_last_line(left)}\n"


def _last_line(left: Counter[tuple[str, str]]) -> str:
    parts = [f"{n:,} more {one if n == 1 else many}" for (one, many), n in left.items() if n]
    return f"\n\n{', '.join(parts)} in the record" if parts else ""
