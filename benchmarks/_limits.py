"""Measured numbers held against their limits, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Finding", "report"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One number with its spread over the rounds, and the limit it is held against, where it has one."""

    what: str
    value: float
    low: float
    high: float
    limit: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the value is at most the limit; a number without a limit is for information."""
        return self.limit is None or self.value <= self.limit

    def row(self) -> tuple[str, ...]:
        """Return the cells of its line in the table."""
        spread = f"{self.low:.3f} to {self.high:.3f}"
        if self.limit is None:
            return self.what, f"{self.value:.3f}", spread, "", ""
        return self.what, f"{self.value:.3f}", spread, f"{self.limit:g}", _WORDS[self.holds]


_WORDS = {True: "holds", False: "does not hold"}


def report(findings: Sequence[Finding]) -> int:
    """Print the table and return the exit code: 0 where every limit holds, else 1."""
    rows = [("", "median", "spread", "limit", ""), *(finding.row() for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *rest in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True))]
        print("  ".join(cells).rstrip())
    return 0 if all(finding.holds for finding in findings) else 1
