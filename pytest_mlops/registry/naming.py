"""Names of models, versions, aliases and tags."""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING

from pytest_mlops.errors import InvalidMetadata
from pytest_mlops.names import ALIAS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LONGEST", "check_alias", "check_name", "nearest", "split_tag"]

LONGEST = 200
"""Characters of a name; longer ones PostgreSQL would refuse and SQLite would take."""


def check_name(what: str, name: str) -> str:
    """Return ``name`` if it can be one.

    Raises:
        InvalidMetadata: empty, too long, with control characters, or starting with "@", which marks aliases.
    """
    problem = _problem(name)
    if problem is not None:
        raise InvalidMetadata(f"the {what} is {name[:60]!r}; it {problem}")
    return name


def check_alias(alias: str) -> str:
    """Return ``alias`` if it can be one.

    Raises:
        InvalidMetadata: anything but letters, digits, dots, dashes and underscores.
    """
    if not ALIAS.fullmatch(alias):
        raise InvalidMetadata(
            f"the alias is {alias[:60]!r}; expected letters, digits, '.', '_' and '-', beginning with a "
            "letter or digit, at most 100 of them"
        )
    return alias


def split_tag(text: str) -> tuple[str, str]:
    """Return the name and the value of a tag: ``team=risk`` has one, ``gold`` has an empty one.

    Raises:
        InvalidMetadata: the name cannot be one.
    """
    name, _, value = text.partition("=")
    check_name("tag", name)
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in value):
        raise InvalidMetadata(f"the value of tag {name} has control characters; expected one line of text")
    return name, value


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean …?"`` for a name that is not known, or nothing where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _problem(name: str) -> str | None:
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST:
        return f"has {len(name)} characters; at most {LONGEST} are kept"
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in name):
        return "has control characters"
    if name.startswith("@"):
        return "begins with '@', which marks aliases"
    return None
