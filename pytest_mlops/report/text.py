"""Untrusted text made fit to be shown: one line, no hidden characters, no markup."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["one_line", "to_markdown_text"]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that show nothing, turn the direction of the text around, or cannot be encoded."""

NO_BREAK = "&#8203;"
"""A character of no width, which keeps ``@`` and ``#`` from becoming mentions and references."""

# Underscores inside a word are no emphasis, and test names are easier to read with them bare.
_ACTIVE = re.compile(
    r"(?P<markup>[\\`*\[\]<>|~&$^]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=\bwww)\.)"
    r"|(?<![A-Za-z0-9])@|#(?=\w)|(?<=\bGH)-(?=\d)",
    re.IGNORECASE,
)


def one_line(text: str, limit: int) -> str:
    """Return ``text`` on one line of at most ``limit`` ≥ 1 characters, what is hidden in it made visible."""
    # Whatever is cut away need not be looked at; white space may shrink, hence the margin.
    line = " ".join(text[: 4 * limit].split())
    clipped = len(line) > limit or len(text) > 4 * limit
    line = line[: limit - 1] + "…" if clipped else line
    if line.isascii() and line.isprintable():
        return line
    return "".join(REPLACEMENT if unicodedata.category(char) in HIDDEN else char for char in line)


def to_markdown_text(text: str, limit: int = 300) -> str:
    """Return untrusted ``text`` so that Markdown shows it and does nothing else with it.

    Markup becomes numeric character references, which CommonMark never takes for structure (spec 0.31.2,
    section 2.5), not even in the cells of a table. Mentions, references to issues and bare addresses, which
    GitHub finds after that, are taken apart.
    """
    return _ACTIVE.sub(_disarmed, one_line(text, limit))


def _disarmed(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};" if found["markup"] else found[0] + NO_BREAK
