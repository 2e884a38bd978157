"""Renders a ruling as Markdown within the limits of GitHub's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.github.policy_changes import Effect
from pytest_mlops.report.budget import MarkdownSection
from pytest_mlops.report.markdown import to_markdown
from pytest_mlops.report.markdown_text import to_markdown_text
from pytest_mlops.report.messages import headline

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.github.policy_changes import PolicyChange
    from pytest_mlops.github.ruling import Ruling

__all__ = ["COMMENT_CHARACTERS", "OUTPUT_BYTES", "SUMMARY_BYTES", "fit_bytes", "render", "title"]

COMMENT_CHARACTERS = 60_000
"""A comment may have 65,536."""

SUMMARY_BYTES = 900 * 1024
"""The summary of a step may have 1 MiB; a longer one is dropped as a whole."""

OUTPUT_BYTES = 60_000
"""The summary of a check run may have 65,535 characters."""

UNTRUSTED = (
    "This evidence was made by the code of a pull request from another repository, which can write "
    "anything into it. It is advice only: a deployment does not accept it."
)


def title(ruling: Ruling) -> str:
    """Return verdict, version and decision on one line."""
    if ruling.record is None:
        return "INCOMPLETE: there is no evidence" if not ruling.refused else "INCOMPLETE: evidence refused"
    return headline(ruling.record.model_copy(update={"decision": ruling.decision}))


def render(ruling: Ruling, *, budget: int, notes: tuple[str, ...] = ()) -> str:
    """Write a ruling for people as Markdown: the verdict, changes of the policy, then what failed.

    Args:
        ruling: The ruling.
        budget: Most characters of the answer.
        notes: Further messages, without a full stop.
    """
    first = list(_first(ruling, notes))
    if ruling.record is None:
        text = f"## {to_markdown_text(title(ruling))}\n\n{to_markdown_text(ruling.problem or '', 2000)}.\n"
        rest = "".join(f"\n- {to_markdown_text(note, 1000)}" for note in notes)
        return f"{text}{rest}"[:budget]
    record = ruling.record.model_copy(update={"decision": ruling.decision})
    return to_markdown(record, budget=budget, first=first, fold=True)


def fit_bytes(write: Callable[[int], str], most: int) -> str:
    """Return what ``write`` makes of the largest budget of characters that fits into ``most`` bytes of UTF-8.

    Args:
        write: Writes a text of at most as many characters as it is given.
        most: Bytes.
    """
    budget = most
    while budget > most // 4:
        text = write(budget)
        size = len(text.encode())
        if size <= most:
            return text
        budget = budget * most // size - 16
    return write(most // 4)  # no character has more than four bytes


def _first(ruling: Ruling, notes: tuple[str, ...]) -> list[MarkdownSection]:
    record = ruling.record
    trust = [UNTRUSTED] if record is not None and record.provenance.trust == "untrusted-pr" else []
    reasons = MarkdownSection(
        noun=("reason", "reasons"),
        head="",
        items=ruling.reasons,
        row=lambda reason: f"- **BLOCKED** {to_markdown_text(reason, 1000)}",
    )
    changes = MarkdownSection(
        noun=("change of the policy", "changes of the policy"),
        head="### Changes of the policy\n",
        items=ruling.changes,
        row=_change,
    )
    remarks = MarkdownSection(
        noun=("note", "notes"),
        head="",
        items=notes,
        row=lambda note: f"- {to_markdown_text(note, 1000)}",
    )
    warning = MarkdownSection(
        noun=("warning", "warnings"), head="", items=trust, row=lambda one: f"\n> {one}"
    )
    return [warning, reasons, changes, remarks]


def _change(change: PolicyChange) -> str:
    strong = "**" if change.effect is not Effect.OTHER else ""
    return f"- {strong}{change.effect}{strong}: {to_markdown_text(change.text, 1000)}"
