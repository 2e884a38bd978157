"""The part of the terminal section that lists every change against the baseline.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    """Yield what the comparison came to, then a line for each metric and slice.

    Args:
        comparison: What comparing came to.
        table: Lays rows out in columns.
        paragraph: Wraps a text behind an indent.
    """
    if comparison.status != "compared" or comparison.baseline is None:
        yield from paragraph(f"comparison: {comparison.message}", "  ")
        return
    reference = comparison.baseline
    named = f"{reference.version_id} ({reference.source})" if reference.version_id else reference.source
    yield from paragraph(
        f"compared with {named} on {comparison.paired:,} examples; {comparison.added:,} only here, "
        f"{comparison.removed:,} only there",
        "  ",
    )
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
