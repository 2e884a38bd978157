"""The changes against the baseline in the terminal section.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.report.messages import describe_comparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_mlops.records.comparison import Comparison, Delta

    Line = tuple[str, dict[str, bool]]

__all__ = ["comparison_lines"]


def comparison_lines(
    comparison: Comparison,
    table: Callable[[Sequence[Sequence[str]]], Iterable[str]],
    paragraph: Callable[[str, str], Iterable[Line]],
) -> Iterator[Line]:
    """Yield the outcome of the comparison, then one line per metric and slice.

    Args:
        comparison: The comparison with the baseline.
        table: Formats rows as a table.
        paragraph: Wraps a text with an indent.
    """
    yield from paragraph(describe_comparison(comparison), "  ")
    if comparison.status != "compared":
        return
    rows = [("change", "from", "to", "by", "bounds", "n"), *map(_row, comparison.deltas)]
    yield from ((line, {}) for line in table(rows))


def _row(delta: Delta) -> tuple[str, str, str, str, str, str]:
    if delta.delta is None:
        return (delta.title, "", "", "", delta.undefined or "", f"{delta.n:,}")
    return (
        delta.title,
        f"{delta.baseline:.4g}",
        f"{delta.candidate:.4g}",
        f"{delta.delta:+.3g}",
        f"{delta.lower:+.3g} to {delta.upper:+.3g}",
        f"{delta.n:,}",
    )
