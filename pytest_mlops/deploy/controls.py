"""What people ask of a rollout under way: to promote, pause, resume or abort it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import select

from pytest_mlops.store.limits import require_fit
from pytest_mlops.store.log import append
from pytest_mlops.store.schema import controls

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["Control", "Wish", "ask", "is_paused", "take_wishes"]


class Control(StrEnum):
    """What may be asked."""

    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """One thing that somebody asked."""

    number: int
    control: Control
    actor: str
    reason: str


def ask(
    connection: Connection,
    *,
    environment: str,
    deployment_id: str,
    control: Control,
    actor: str,
    reason: str,
    at: datetime,
) -> None:
    """Write down what somebody asks; whoever carries out the deployment takes it.

    Raises:
        StoreError: a text is too long.
    """
    row = {
        "environment": environment,
        "deployment_id": deployment_id,
        "kind": control.value,
        "actor": actor,
        "reason": reason,
        "at": at.timestamp(),
    }
    require_fit(controls, row)
    connection.execute(controls.insert().values(**row))
    append(
        connection,
        kind="control",
        subject=deployment_id,
        body={"control": control.value, "reason": reason},
        actor=actor,
        at=at,
    )


def take_wishes(connection: Connection, deployment_id: str, *, at: datetime) -> tuple[Wish, ...]:
    """Return what was asked and not taken yet, in order, and mark it as taken."""
    rows = connection.execute(
        select(controls)
        .where(controls.c.deployment_id == deployment_id, controls.c.taken_at.is_(None))
        .order_by(controls.c.id)
    ).all()
    if rows:
        connection.execute(
            controls.update()
            .where(controls.c.id.in_([row.id for row in rows]))
            .values(taken_at=at.timestamp())
        )
    return tuple(
        Wish(number=row.id, control=Control(row.kind), actor=row.actor, reason=row.reason) for row in rows
    )


def is_paused(connection: Connection, deployment_id: str) -> bool:
    """Tell whether the last word on pausing was to pause."""
    last = connection.execute(
        select(controls.c.kind)
        .where(
            controls.c.deployment_id == deployment_id,
            controls.c.kind.in_([Control.PAUSE.value, Control.RESUME.value]),
        )
        .order_by(controls.c.id.desc())
        .limit(1)
    ).scalar()
    return last == Control.PAUSE.value
