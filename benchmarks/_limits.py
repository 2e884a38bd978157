"""Measured numbers held against their limits, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Finding", "report"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One number with its spread over the rounds, and the limit it is held against, where it has one.

    The limit is the largest value that holds, or with ``at_least`` the smallest.
    """

    what: str
    value: float
    low: float
    high: float
    limit: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the value is within the limit; a number without one is for information."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> tuple[str, ...]:
        """Return the cells of its line in the table."""
        spread = f"{self.low:.3f} to {self.high:.3f}"
        if self.limit is None:
            return self.what, f"{self.value:.3f}", spread, "", ""
        bound = f"at least {self.limit:g}" if self.at_least else f"{self.limit:g}"
        return self.what, f"{self.value:.3f}", spread, bound, _WORDS[self.holds]


_WORDS = {True: "holds", False: "does not hold"}


def report(findings: Sequence[Finding]) -> int:
    """Print the table and return the exit code: 0 where every limit holds, else 1."""
    rows = [("", "median", "spread", "limit", ""), *(finding.row() for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *rest in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True))]
        print("  ".join(cells).rstrip())
    return 0 if all(finding.holds for finding in findings) else 1
