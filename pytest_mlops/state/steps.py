"""The state machine: which step follows on what the journal says. Pure; recovery asks the same question."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "FORWARD",
    "Entry",
    "Phase",
    "Step",
    "done_steps",
    "is_committed",
    "is_over",
    "next_step",
]


class Step(StrEnum):
    """One step of a deployment, in their order; each can be carried out again."""

    VERIFY = "verify"
    """The ticket: nothing else happens without evidence that the environment accepts."""
    ENVIRONMENT = "environment"
    """What the version needs besides itself is well, and near enough to where it was tested."""
    STAGE = "stage"
    """The version's files are copied, and their digest is taken again from the copy."""
    START = "start"
    """Replicas are started, beside those that serve."""
    PROBE = "probe"
    """Every replica is healthy."""
    REPLAY = "replay"
    """Every replica gives the known answers to the golden requests."""
    SHIFT = "shift"
    """A part of the traffic, or a copy of it, goes to the new version and is judged."""
    COMMIT = "commit"
    """The pointer is moved: from here on the new version serves."""
    BAKE = "bake"
    """The new version is watched with all the traffic."""
    BLESS = "bless"
    """The new version is what the next one is compared with; the old one is stopped and watched no more."""
    REVERT = "revert"
    """The version before serves again, and the new one is stopped."""


FORWARD = tuple(step for step in Step if step is not Step.REVERT)


class Phase(StrEnum):
    """How far a step has come."""

    BEGUN = "begun"
    NOTED = "noted"
    """Something within a step is worth keeping, as a verdict of the judge."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of the journal.

    Attributes:
        step: The step.
        phase: How far it has come.
        fence: That of the lease under which it was written.
        at: Seconds since the epoch.
        detail: What is worth knowing, as JSON has it.
    """

    step: Step
    phase: Phase
    fence: int
    at: float = 0.0
    detail: Mapping[str, Any] = field(default_factory=dict)


def next_step(journal: Sequence[Entry]) -> Step | None:
    """Return the step that comes next; ``None`` where the deployment is over.

    A failed step is followed by the revert, and so is a failed revert: it is tried again.
    """
    if is_over(journal):
        return None
    if any(entry.phase is Phase.FAILED for entry in journal):
        return Step.REVERT
    done = done_steps(journal)
    return next((step for step in FORWARD if step not in done), None)


def done_steps(journal: Iterable[Entry]) -> frozenset[Step]:
    """Return the steps that are done."""
    return frozenset(entry.step for entry in journal if entry.phase is Phase.DONE)


def is_committed(journal: Iterable[Entry]) -> bool:
    """Tell whether the pointer was moved to the new version for good."""
    return Step.COMMIT in done_steps(journal)


def is_over(journal: Iterable[Entry]) -> bool:
    """Tell whether the deployment came to its end, one way or the other."""
    return bool(done_steps(journal) & {Step.BLESS, Step.REVERT})
