"""Statements compiled once, for the hot paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, CursorResult
    from sqlalchemy.sql.expression import ClauseElement

__all__ = ["Prepared"]


class Prepared:
    """A statement as the text of each database, made when first used there.

    Values go to the driver as they are: give every column of an insert (defaults of the schema are not
    filled in), and no list for ``IN``.

    Args:
        statement: With a ``bindparam`` wherever a value comes from the caller.
        columns: Those that an insert fills.
    """

    def __init__(self, statement: ClauseElement, *, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = None if columns is None else list(columns)
        self._texts: dict[str, tuple[str, list[str], bool, dict[str, Any]]] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Run the statement.

        Args:
            connection: Of the store.
            values: Column or parameter -> value.

        Raises:
            KeyError: a value is missing.
        """
        dialect = connection.dialect.name
        if dialect not in self._texts:
            self._texts[dialect] = self._compile(connection)
        text, names, positional, constants = self._texts[dialect]
        given = {**constants, **values}
        return connection.exec_driver_sql(
            text,
            tuple([given[name] for name in names]) if positional else {name: given[name] for name in names},
        )

    def _compile(self, connection: Connection) -> tuple[str, list[str], bool, dict[str, Any]]:
        compiled: Any = self._statement.compile(dialect=connection.dialect, column_keys=self._columns)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        names = compiled.positiontup if compiled.positional else compiled.params
        return str(compiled), list(names), compiled.positional, constants
