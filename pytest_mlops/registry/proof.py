"""Evidence of a version: a recorded run that tested just these bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select

from pytest_mlops.errors import EvidenceError
from pytest_mlops.store.log import append
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import integration_results, model_versions

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from pytest_mlops.registry.entries import VersionEntry

__all__ = ["Proof", "attach", "look_up", "require_recorded"]

_results = integration_results.c
_FIND = Prepared(
    select(_results.run_id, _results.verdict, _results.digest, _results.timestamp).where(
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


def look_up(connection: Connection, run_id: str, *, digest: str | None) -> Proof:
    """Return a recorded run of the bytes with this digest.

    Raises:
        EvidenceError: the run is not recorded, or tested other bytes or none that it names.
    """
    found = require_recorded(connection, run_id)
    if found.digest is None or found.digest != digest:
        raise EvidenceError(
            f"run {run_id} tested a model with the digest {found.digest}, and the version has {digest}; "
            "evidence holds only for the bytes it was made on"
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


def attach(connection: Connection, entry: VersionEntry, evidence: Proof, *, actor: str, at: datetime) -> bool:
    """Let a version rest on ``evidence`` where that is newer than what it has; tell whether it does now."""
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
