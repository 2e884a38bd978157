"""Evidence of a version: a recorded run of its model that tested just these bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select

from pytest_mlops.errors import EvidenceError
from pytest_mlops.store.history import later_failure, read_result
from pytest_mlops.store.log import append
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import integration_results, model_versions
from pytest_mlops.verdict import Decision, Verdict, success

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from pytest_mlops.registry.entries import VersionEntry

__all__ = ["Proof", "attach", "look_up", "require_pass", "require_recorded"]

UNTRUSTED = "untrusted-pr"
"""The trust level of a run that executed the code of an untrusted pull request."""

_results = integration_results.c
_FIND = Prepared(
    select(_results.run_id, _results.verdict, _results.digest, _results.timestamp, _results.model_id).where(
        _results.run_id == bindparam("run_id")
    )
)
_ATTACH = Prepared(
    model_versions.update()
    .where(model_versions.c.id == bindparam("number"))
    .values(run_id=bindparam("new_run_id"), verdict=bindparam("new_verdict"))
)


class Proof(NamedTuple):
    """What history knows of a run."""

    run_id: str
    verdict: str
    digest: str | None
    """Of the model that it tested."""
    timestamp: float
    """Seconds since the epoch."""
    model_id: str | None


def look_up(connection: Connection, run_id: str, *, model_id: str, digest: str | None) -> Proof:
    """Return a recorded run of this model with the bytes of this digest.

    Raises:
        EvidenceError: the run is not recorded, was of another model, or tested other bytes or none.
    """
    found = require_recorded(connection, run_id)
    if found.model_id != model_id:
        raise EvidenceError(
            f"run {run_id} tested the model {found.model_id}, and the version is one of {model_id}; "
            "evidence is valid only for the model that was tested"
        )
    if found.digest is None or found.digest != digest:
        raise EvidenceError(
            f"run {run_id} tested a model with the digest {found.digest}, and the version has {digest}; "
            "evidence is valid only for the bytes that were tested"
        )
    return found


def require_recorded(connection: Connection, run_id: str) -> Proof:
    """Return what history knows of a run, whatever it tested.

    Raises:
        EvidenceError: the run is not recorded.
    """
    row = _FIND.run(connection, {"run_id": run_id}).first()
    if row is None:
        raise EvidenceError(f"no run {run_id} is recorded here; record its result first")
    return Proof._make(row)


def require_pass(
    connection: Connection,
    model_id: str,
    version_id: str,
    *,
    digest: str | None,
    own: str | None,
    verdict: str | None,
    run_id: str | None,
) -> None:
    """Refuse a version that no trusted run allows, or whose bytes failed in a later one.

    Args:
        connection: Any connection.
        model_id: The model.
        version_id: The version.
        digest: Of its bytes.
        own: The run it rests on.
        verdict: Of that run.
        run_id: The run that is to count instead; ``None`` for its own.

    Raises:
        EvidenceError: the evidence does not suffice; the message has the reason.
    """
    name = f"{model_id} {version_id}"
    if run_id is None and own is None:
        raise EvidenceError(
            f"{name} has no evidence; expected a PASS. Run its tests, and register their record"
        )
    chosen = look_up(connection, str(run_id or own), model_id=model_id, digest=digest)
    _refuse_verdict(name, chosen.verdict)
    record = read_result(connection, chosen.run_id)
    if record.decision is not Decision.ALLOW:
        raise EvidenceError(
            f"run {chosen.run_id} of {name} has the verdict {chosen.verdict.upper()} and was not allowed by "
            "its policy; run the tests again where they are complete, and register their record"
        )
    if record.provenance.trust == UNTRUSTED:
        raise EvidenceError(
            f"run {chosen.run_id} of {name} is from an untrusted pull request, so its "
            "record may be forged; run the tests again on a trusted branch, and register their record"
        )
    if not record.deployable:
        raise EvidenceError(
            f"run {chosen.run_id} of {name} is not deployable; it requires a mlops.yaml with "
            "requirements, and a model artifact"
        )
    if own is not None and own != chosen.run_id:
        row = _FIND.run(connection, {"run_id": own}).first()
        if row is None or row.timestamp >= chosen.timestamp:
            _refuse_verdict(name, verdict)
    failed = later_failure(connection, model_id=model_id, digest=digest, after=chosen.timestamp)
    if failed is not None:
        raise EvidenceError(
            f"run {failed} of the same bytes ended in FAIL after run {chosen.run_id}; an earlier PASS "
            f"of {name} does not outrank it"
        )


def attach(connection: Connection, entry: VersionEntry, evidence: Proof, *, actor: str, at: datetime) -> bool:
    """Let a version rest on ``evidence`` where that is newer than what it has; return whether it does now."""
    if entry.run_id == evidence.run_id:
        return False
    if entry.run_id is not None:
        before = _FIND.run(connection, {"run_id": entry.run_id}).first()
        if before is not None and before.timestamp >= evidence.timestamp:
            return False
    _ATTACH.run(
        connection,
        {"number": entry.number, "new_run_id": evidence.run_id, "new_verdict": evidence.verdict},
    )
    append(
        connection,
        kind="evidence",
        subject=f"{entry.model_id}/{entry.version_id}",
        body={"run_id": evidence.run_id, "verdict": evidence.verdict, "before": entry.run_id},
        actor=actor,
        at=at,
    )
    return True


def _refuse_verdict(name: str, verdict: str | None) -> None:
    if verdict is None or not success(Verdict(verdict)):
        raise EvidenceError(
            f"{name} has the verdict {verdict}; expected a PASS. Run its tests, and register their record"
        )
