"""The journal: what each deployment began, noted, did and failed to do; recovery reads nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from pytest_mlops.state.steps import Entry, Phase, Step
from pytest_mlops.store.log import append
from pytest_mlops.store.schema import journal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from pytest_mlops.state.plan import DeploymentPlan

__all__ = ["read_journal", "write_entry"]


def write_entry(
    connection: Connection,
    plan: DeploymentPlan,
    step: Step,
    phase: Phase,
    *,
    fence: int,
    actor: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write a line of the journal, and the same to the hash-chained log.

    Args:
        connection: From ``Lease.write``.
        plan: The deployment.
        step: The step.
        phase: How far it has come.
        fence: That of the lease.
        actor: Who carries it out.
        at: When.
        detail: What is worth knowing, as JSON has it.
    """
    body = dict(detail or {})
    connection.execute(
        journal.insert().values(
            environment=plan.environment.environment_id,
            deployment_id=plan.deployment_id,
            step=step.value,
            phase=phase.value,
            fence=fence,
            at=at.timestamp(),
            detail=json.dumps(body, sort_keys=True, allow_nan=False),
        )
    )
    append(
        connection,
        kind="deployment",
        subject=plan.deployment_id,
        body={
            "version": plan.version,
            "step": step.value,
            "phase": phase.value,
            "fence": fence,
            "detail": body,
        },
        actor=actor,
        at=at,
    )


def read_journal(connection: Connection, deployment_id: str) -> tuple[Entry, ...]:
    """Return the journal of a deployment, in order."""
    rows = connection.execute(
        select(journal).where(journal.c.deployment_id == deployment_id).order_by(journal.c.id)
    )
    return tuple(
        Entry(
            step=Step(row.step),
            phase=Phase(row.phase),
            fence=row.fence,
            at=row.at,
            detail=json.loads(row.detail),
        )
        for row in rows
    )
