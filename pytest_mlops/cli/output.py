"""What commands print: sections with lines and tables for people, JSON for machines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Section", "Table", "print_result", "print_sections", "show"]

_STYLES = {
    "allow": "green",
    "block": "red",
    "PASS": "green",
    "FAIL": "red",
    "UNDECIDED": "yellow",
    "INCOMPLETE": "red",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Plain cells under column heads.

    Attributes:
        columns: Heads.
        rows: Cells, as many in each row as there are heads.
        numeric: Heads of the columns that are set flush right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A title, then a table, then a list of lines; table and list may be left out."""

    title: str
    table: Table | None = None
    lines: tuple[str, ...] = ()


def print_sections(sections: Iterable[Section], console: Console | None = None) -> None:
    """Print ``sections``; without a terminal, or under ``NO_COLOR``, without colour."""
    console = console or Console(highlight=False)
    for section in sections:
        # Text objects throughout: names such as recall[age<40] are no markup.
        console.print(Text(section.title, style="bold"))
        if section.table is not None:
            console.print(_rich_table(section.table))
        for line in section.lines:
            console.print(_bullet(line))
        console.print()


def show(page: Sequence[Section], values: Mapping[str, object], *, as_json: bool) -> None:
    """Print sections for people, or values as JSON."""
    if as_json:
        print_result("", values, as_json=True)
    else:
        print_sections(page)


def print_result(message: str, values: Mapping[str, object], *, as_json: bool) -> None:
    """Print a message for people, or values as JSON."""
    typer.echo(json.dumps(values, indent=2, sort_keys=True) if as_json else message)


def _rich_table(table: Table) -> RichTable:
    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=True, header_style="bold")
    for column in table.columns:
        drawn.add_column(
            Text(column), justify="right" if column in table.numeric else "left", overflow="fold"
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell, style=_STYLES.get(cell.split(",")[0], "")) for cell in row))
    return drawn


def _bullet(line: str) -> RichTable:
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(width=2, justify="right")
    grid.add_column(overflow="fold")
    grid.add_row("-", Text(line))
    return grid
