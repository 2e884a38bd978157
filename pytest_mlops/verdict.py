"""The verdict, its order, and the decision that follows from it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Context", "Decision", "Verdict", "combine", "decide", "strictest", "success"]


class Verdict(StrEnum):
    """What the evidence shows, from best to worst: ``PASS < WAIVED < UNDECIDED < FAIL < INCOMPLETE``.

    ``UNDECIDED`` means that the evidence was measured but is insufficient. ``INCOMPLETE`` means that required
    evidence is missing: nothing ran, NaN, a crashed worker, an unreadable file.
    """

    PASS = "pass"  # noqa: S105 -- a verdict, not a password
    WAIVED = "waived"
    UNDECIDED = "undecided"
    FAIL = "fail"
    INCOMPLETE = "incomplete"

    @property
    def rank(self) -> int:
        """Position in the order; 0 is the best."""
        return _ORDER.index(self)

    # All four are defined, since str has alphabetical ones that total_ordering would keep.
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
    """Whether a version is allowed or blocked."""

    ALLOW = "allow"
    BLOCK = "block"


class Context(StrEnum):
    """Where the gate runs; the policy is stricter from ``local`` to ``release``."""

    LOCAL = "local"
    PULL_REQUEST = "pull_request"
    RELEASE = "release"


def strictest(*contexts: Context) -> Context:
    """Return the strictest of ``contexts``, one or more."""
    return max(contexts, key=tuple(Context).index)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of ``verdicts``; ``INCOMPLETE`` if there are none.

    The empty case matters: with ``max([], default=PASS)`` a run that measured nothing would pass.
    """
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.INCOMPLETE)


def success(verdict: Verdict) -> bool:
    """Return whether ``verdict`` is a success: PASS or WAIVED."""
    return verdict <= Verdict.WAIVED


def decide(
    verdict: Verdict,
    context: Context,
    *,
    on_undecided: Decision = Decision.ALLOW,
    accept_waived: bool = False,
    narrowed: bool = False,
) -> Decision:
    """Return the decision on a verdict.

    Args:
        verdict: The verdict of the run.
        context: Where the gate runs.
        on_undecided: The decision on UNDECIDED in a pull request.
        accept_waived: Whether a release accepts WAIVED.
        narrowed: Whether evidence is missing only because the user selected a subset of the tests.
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
