"""The ruling: a record's decision in CI, which this side can only make stricter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.verify import parse_record, verify_record
from pytest_mlops.files import read_bytes
from pytest_mlops.github.policy_changes import Effect
from pytest_mlops.records.codec import MAX_RECORD_BYTES
from pytest_mlops.verdict import Context, Decision, Verdict, success

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from pytest_mlops.github.policy_changes import PolicyChange
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["Ruling", "in_context", "nothing_measured", "rule_on", "tighten", "untrusted", "with_others"]


LESS = "the policy requires less than before, or this is unknown"


UNREAD = "the policy could not be compared with its base"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """The decision on a record.

    Attributes:
        verdict: The record's; INCOMPLETE where there is none that can be trusted.
        decision: The record's, unless something here blocks it.
        record: The record, verified.
        content: The bytes it was read from.
        problem: Why there is no record.
        refused: There is one, and it cannot be trusted.
        reasons: Why it is blocked, besides the record's own reasons.
        changes: What a pull request changes of the policy it is judged under.
    """

    verdict: Verdict
    decision: Decision
    record: IntegrationResult | None = None
    content: bytes = field(default=b"", repr=False)
    problem: str | None = None
    refused: bool = False
    reasons: tuple[str, ...] = ()
    changes: tuple[PolicyChange, ...] = ()

    @property
    def success(self) -> bool:
        """Whether the verdict is a success."""
        return success(self.verdict)


def rule_on(path: Path, *, run_id: str | None = None) -> Ruling:
    """Read a record as hostile input, and return its decision.

    Args:
        path: The record.
        run_id: The run it has to be of.
    """
    if not path.is_file():
        return nothing_measured(f"there is no record at {path}: nothing was measured")
    try:
        data = read_bytes(path, limit=MAX_RECORD_BYTES)
        record = parse_record(data, str(path))
        record = verify_record(record, folder=path.parent, run_id=run_id).record
    except EvidenceError as error:
        return replace(nothing_measured(str(error)), refused=True)
    except Exception as error:  # noqa: BLE001 -- what crashes the judge is no evidence
        why = f"the record cannot be judged: {type(error).__name__}: {error}"
        return replace(nothing_measured(why), refused=True)
    found = Ruling(verdict=record.verdict, decision=record.decision, record=record, content=data)
    if record.verdict is Verdict.INCOMPLETE and record.decision is Decision.ALLOW:
        # A narrowed run is fine on a desk; in CI it is no evidence.
        return _blocked(found, "only a part of the tests ran, which decides nothing in CI")
    return found


def in_context(ruling: Ruling, expected: Context) -> Ruling:
    """Block what was decided for a less strict context, as pytest options in the change can set it."""
    record = ruling.record
    order = (Context.LOCAL, Context.PULL_REQUEST, Context.RELEASE)
    if record is None or order.index(record.context) >= order.index(expected):
        return ruling
    return _blocked(ruling, f"it was decided for the context {record.context}, and this is {expected}")


def tighten(
    ruling: Ruling,
    *,
    fail_on: Collection[str] = (),
    changes: tuple[PolicyChange, ...] = (),
    policy_changes: Decision = Decision.ALLOW,
    unread: Decision = Decision.ALLOW,
) -> Ruling:
    """Block what ``fail-on`` or the policy of the base blocks in addition; nothing here can allow.

    Args:
        ruling: What the record decides.
        fail_on: Entries of ``fail-on``.
        changes: What the pull request changes of the policy.
        policy_changes: What the base's own policy decides about them.
        unread: What is decided where the policy could not be compared with its base.
    """
    ruling = replace(ruling, changes=changes)
    for entry, verdict in (("undecided", Verdict.UNDECIDED), ("waived", Verdict.WAIVED)):
        if entry in fail_on and ruling.verdict is verdict:
            ruling = _blocked(ruling, f"fail-on names {entry}")
    loosened = [change for change in changes if change.effect is not Effect.OTHER]
    if loosened and policy_changes is Decision.BLOCK:
        ruling = _blocked(ruling, f"{LESS}, and gate.policy_changes of the base is block")
    elif loosened and "policy-changes" in fail_on:
        ruling = _blocked(ruling, f"{LESS}, and fail-on names policy-changes")
    elif unread is Decision.BLOCK and any(change.effect is Effect.UNKNOWN for change in loosened):
        ruling = _blocked(ruling, f"{UNREAD}; fetch the base (fetch-depth: 0), or set policy-changes: allow")
    return ruling


def with_others(ruling: Ruling, path: Path, run_id: str | None) -> Ruling:
    """Block what another record of the same run blocks: each configuration of a run has a record of its own.

    Args:
        ruling: The ruling on the record at ``path``.
        path: The record; the others lie in folders below its own.
        run_id: The run; without one, other records cannot be told from those of earlier runs.
    """
    for other in sorted(path.parent.rglob(path.name)) if run_id is not None else ():
        found = rule_on(other, run_id=run_id) if other != path and _run_of(other) == run_id else None
        if found is not None and found.decision is Decision.BLOCK:
            name = other.relative_to(path.parent)
            ruling = _blocked(ruling, f"another record of this run, {name}, is {found.verdict.upper()}")
    return ruling


def _run_of(path: Path) -> str | None:
    try:
        return parse_record(read_bytes(path, limit=MAX_RECORD_BYTES), str(path)).run_id
    except EvidenceError:
        return None


def nothing_measured(problem: str) -> Ruling:
    """Return the ruling on no evidence at all."""
    return Ruling(verdict=Verdict.INCOMPLETE, decision=Decision.BLOCK, problem=problem)


def untrusted(ruling: Ruling) -> Ruling:
    """Mark the evidence as made by the code of a fork, whatever it claims."""
    record = ruling.record
    if record is None:
        return ruling
    made = record.provenance.model_copy(update={"trust": "untrusted-pr"})
    return replace(ruling, record=record.model_copy(update={"provenance": made}))


def _blocked(ruling: Ruling, reason: str) -> Ruling:
    return replace(ruling, decision=Decision.BLOCK, reasons=(*ruling.reasons, reason))
