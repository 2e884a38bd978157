"""Coverage as a matrix: slices down, capabilities across."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlops.records.integration import CellCoverage, IntegrationResult

__all__ = ["Matrix", "MatrixRow", "coverage_matrix"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixRow:
    """One slice, of one data set where cells name any.

    Attributes:
        slice: Name of the slice.
        dataset: Name of the data set; ``None`` for whichever the tests use.
        cells: One for each capability; ``None`` where the capability is not declared on this slice.
    """

    slice: str
    dataset: str | None
    cells: tuple[CellCoverage | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Capabilities and the rows under them."""

    capabilities: tuple[str, ...]
    rows: tuple[MatrixRow, ...]


def coverage_matrix(record: IntegrationResult) -> Matrix:
    """Lay the declared cells out, slices and capabilities in the order in which they were declared."""
    found = {cell.cell: cell for cell in record.coverage_cells}
    placed: dict[tuple[str, str | None], dict[str, CellCoverage]] = {}
    capabilities: dict[str, None] = {}
    for cell in record.policy.cells():
        if cell.title in found:
            capabilities[cell.capability] = None
            placed.setdefault((cell.slice, cell.dataset), {})[cell.capability] = found[cell.title]
    rows = tuple(
        MatrixRow(slice=slice_, dataset=dataset, cells=tuple(cells.get(name) for name in capabilities))
        for (slice_, dataset), cells in placed.items()
    )
    return Matrix(capabilities=tuple(capabilities), rows=rows)
