"""The verdict algebra."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Context", "Decision", "Verdict", "combine", "decide", "success"]


class Verdict(StrEnum):
    """What the evidence says, from best to worst: ``PASS < WAIVED < UNDECIDED < FAIL < INCOMPLETE``.

    ``UNDECIDED`` means measured, but the evidence does not suffice. ``INCOMPLETE`` means that required
    evidence is missing: nothing ran, NaN, a crashed worker, an unreadable file.
    """

    PASS = "pass"  # noqa: S105 -- a verdict, not a password
    WAIVED = "waived"
    UNDECIDED = "undecided"
    FAIL = "fail"
    INCOMPLETE = "incomplete"

    @property
    def rank(self) -> int:
        """Position in the order, 0 the best."""
        return _ORDER.index(self)

    # All four are written out: str brings its own alphabetical ones, which total_ordering would keep.
    def __lt__(self, other: object) -> bool:
        return self.rank < other.rank if isinstance(other, Verdict) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.rank <= other.rank if isinstance(other, Verdict) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.rank > other.rank if isinstance(other, Verdict) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.rank >= other.rank if isinstance(other, Verdict) else NotImplemented


_ORDER = tuple(Verdict)


class Decision(StrEnum):
    """What follows from a verdict in a context."""

    ALLOW = "allow"
    BLOCK = "block"


class Context(StrEnum):
    """Where the verdict is needed; the same verdict may be enough in one context and not in another."""

    LOCAL = "local"
    PULL_REQUEST = "pull_request"
    RELEASE = "release"


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of ``verdicts``; of nothing, ``INCOMPLETE``.

    The empty case is the point: ``max([], default=PASS)`` is how green runs that measured nothing are made.
    """
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.INCOMPLETE)


def success(verdict: Verdict) -> bool:
    """Return whether ``verdict`` is a success: only PASS and WAIVED are."""
    return verdict <= Verdict.WAIVED


def decide(
    verdict: Verdict,
    context: Context,
    *,
    on_undecided: Decision = Decision.ALLOW,
    accept_waived: bool = False,
    narrowed: bool = False,
) -> Decision:
    """Apply the policy table.

    Args:
        verdict: What the evidence says.
        context: Where the verdict is needed.
        on_undecided: Decision on a pull request when the verdict is UNDECIDED.
        accept_waived: Whether the environment of a release accepts WAIVED.
        narrowed: Whether evidence is missing only because the user selected a part of the tests.
    """
    if verdict is Verdict.PASS:
        return Decision.ALLOW
    if verdict is Verdict.WAIVED:
        return Decision.ALLOW if context is not Context.RELEASE or accept_waived else Decision.BLOCK
    if verdict is Verdict.UNDECIDED:
        return {
            Context.LOCAL: Decision.ALLOW,
            Context.PULL_REQUEST: on_undecided,
            Context.RELEASE: Decision.BLOCK,
        }[context]
    if verdict is Verdict.INCOMPLETE and context is Context.LOCAL and narrowed:
        return Decision.ALLOW
    return Decision.BLOCK
