"""Limits of the store's columns, enforced alike on every database."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import String

from pytest_mlops.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Table

__all__ = ["require_fit"]


_ONE_LINE = frozenset({"actor", "created_by", "moved_by", "reason", "subject"})
"""Columns that are shown on terminals, where control characters could move the cursor or hide text."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


@cache
def _lengths(table: Table) -> dict[str, int | None]:
    return {column.name: column.type.length for column in table.c if isinstance(column.type, String)}


def require_fit(table: Table, row: Mapping[str, object]) -> None:
    """Refuse texts that are too long or cannot be stored; SQLite would take some, PostgreSQL none.

    Args:
        table: One of the store's.
        row: Column -> value; columns that are not texts pass.

    Raises:
        StoreError: a text is longer than its column, or has a NUL character or half a surrogate pair in it;
            who, why or what was changed has a control character in it.
    """
    lengths = _lengths(table)
    for name, value in row.items():
        if not isinstance(value, str) or name not in lengths:
            continue
        most = lengths[name]
        if most is not None and len(value) > most:
            raise StoreError(
                f"{name} has {len(value):,} characters, beginning {value[:40]!r}, the limit is {most}"
            )
        if "\0" in value or not _encodes(value):
            raise StoreError(f"{name} is {value[:40]!r}; a NUL or half a surrogate pair cannot be stored")
        if name in _ONE_LINE and _CONTROL.search(value):
            raise StoreError(
                f"{name} is {value[:40]!r}; expected one line of text without control characters"
            )


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
