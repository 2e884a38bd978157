"""Untrusted text as Markdown that shows it, without markup of its own."""

from __future__ import annotations

import re

from pytest_mlops.text import one_line

__all__ = ["to_markdown_text"]

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
