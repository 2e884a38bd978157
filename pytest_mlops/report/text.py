"""Untrusted text made fit to be shown: one line, no hidden characters, no markup."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["one_line", "to_markdown_text"]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that show nothing, turn the direction of the text around, or cannot be encoded."""

FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that show nothing either, though their categories do not say so."""

NO_BREAK = "&#8203;"
"""A character of no width, which keeps what is on both sides of it from being read as one."""

# Underscores inside a word are no emphasis, and test names are easier to read with them bare.
_ACTIVE = re.compile(
    # What makes a list, a heading or a line at the start of a block.
    r"\A\d{1,9}(?=[.)])|(?P<start>\A(?:[-+=](?!\d)|#(?!\w)))|"
    r"(?P<markup>[\\`*\[\]<>|~&$^]|(?<![^\W_])_|_(?![^\W_]))"
    # Mentions and addresses of mail; references to issues; bare web addresses; emoji; commits.
    r"|@|#(?=\w)|(?<=\bGH)-(?=\d)"
    r"|:(?=//)|www(?=\.)|\b(?:mailto|xmpp):"
    r"|(?<!:):(?=[a-z0-9_+-]{1,50}:(?!:))"
    r"|(?P<commit>(?<![0-9a-z])[0-9a-f]{7,40}(?![0-9a-z]))",
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
    line = FILLERS.sub(REPLACEMENT, line)
    return "".join(REPLACEMENT if unicodedata.category(char) in HIDDEN else char for char in line)


def to_markdown_text(text: str, limit: int = 300) -> str:
    """Return untrusted ``text`` so that Markdown shows it and does nothing else with it.

    Markup becomes numeric character references, which CommonMark never takes for structure (spec 0.31.2,
    section 2.5), not even in the cells of a table. What GitHub finds after that is taken apart: mentions,
    references to issues and commits, bare addresses, emoji.
    """
    return _ACTIVE.sub(_disarmed, one_line(text, limit))


def _disarmed(found: re.Match[str]) -> str:
    if found["markup"] or found["start"]:
        return f"&#{ord(found[0])};"
    if found["commit"]:
        # GitHub takes seven digits for a commit, so that no part may be as long.
        return NO_BREAK.join(found[0][start : start + 6] for start in range(0, len(found[0]), 6))
    return found[0] + NO_BREAK
