"""Values as short text for messages: one line, lists cut short, numbers with their noun."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING

from pytest_mlops.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pydantic import ValidationError

__all__ = ["cut", "describe_problems", "list_some", "one_line", "plural", "problems_of", "render_path"]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that show nothing, turn the direction of the text around, or cannot be encoded."""

FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that show nothing either, in spite of their categories."""

_PLAIN_KEY = re.compile(r"[\w-]+")


def cut(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` ≥ 1 characters; the last one is "…" where some are missing."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def one_line(text: str, limit: int) -> str:
    """Return untrusted ``text`` on one line of at most ``limit`` ≥ 1 characters.

    Characters that show nothing or turn the direction of the text around are replaced.
    """
    # Only the part that may be shown is processed; white space may shrink, hence the margin.
    line = " ".join(text[: 4 * limit].split())
    line = f"{line[: limit - 1]}…" if len(text) > 4 * limit else cut(line, limit)
    if line.isascii() and line.isprintable():
        return line
    line = FILLERS.sub(REPLACEMENT, line)
    return "".join(REPLACEMENT if unicodedata.category(char) in HIDDEN else char for char in line)


def list_some(items: Collection[object], most: int = 3, *, separator: str = ", ", last: str = " and ") -> str:
    """Return the first ``most`` items and how many there are beyond them, as ``a, b, c and 2 more``."""
    shown = separator.join(map(str, islice(items, most)))
    more = len(items) - most
    return f"{shown}{last}{more:,} more" if more > 0 else shown


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """Return a number with its noun, as ``1 rule`` and ``2,000 rules``."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def render_path(path: Iterable[str | int]) -> str:
    """Return a path into a document as ``rules[2].min``; keys that need quotes as ``metrics["top 5"]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]"
    return text


def problems_of(error: ValidationError, *within: str | int) -> list[Problem]:
    """Return every mistake that pydantic found.

    Args:
        error: What it raised.
        within: Path of the validated value in its document, which goes before the path of each mistake.
    """
    return [
        Problem(
            path=render_path((*within, *found["loc"])),
            message=found["msg"].removeprefix("Value error, "),
        )
        for found in error.errors(include_url=False, include_input=False)
    ]


def describe_problems(error: ValidationError, *within: str | int, most: int = 3) -> str:
    """Return the first ``most`` mistakes that pydantic found as one message."""
    return list_some(problems_of(error, *within), most, separator="; ")
