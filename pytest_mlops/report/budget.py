"""Sections of rows that are fitted into a budget of characters, the first ones first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MarkdownSection", "fit"]

FIRST_ROWS = 5
"""Rows that a section keeps room for while those before it are cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkdownSection:
    """Rows under a head.

    Attributes:
        noun: What a row is, in the singular and the plural.
        head: Heading, and the head of a table.
        items: What the rows are made of.
        row: Writes the row of one item; called only for rows that have a chance to be shown.
        foot: What stands below the rows.
    """

    noun: tuple[str, str]
    head: str
    items: Sequence[Any]
    row: Callable[[Any], str]
    foot: str = ""

    def cut(self, room: int) -> tuple[str, int]:
        """Return at most ``room`` characters of whole rows, and how many rows those are; or nothing."""
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
        """Return the characters of the head and the first rows."""
        rows = sum(len(self.row(item)) + 1 for item in self.items[:FIRST_ROWS])
        return len(self._start()) + rows + len(self.foot)

    def _start(self) -> str:
        return f"\n\n{self.head}" if self.head else "\n"


def fit(head: str, short: str, sections: Sequence[MarkdownSection], budget: int) -> str:
    """Return ``head`` and what fits of ``sections``; the last line counts the rows that did not.

    Args:
        head: Always shown, where the budget allows it together with the last line.
        short: Shown in place of everything where it does not; cut to the budget.
        sections: The most important first. Each leaves the later ones room for their first rows, as long as
            that takes no more than half of what is there.
        budget: Characters.
    """
    left: Counter[tuple[str, str]] = Counter()
    for section in sections:
        left[section.noun] += len(section.items)
    # No row is counted twice, so the real last line is never longer than this one.
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
