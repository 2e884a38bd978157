"""Controls that are requested of a rollout: to promote, pause, resume or abort it."""

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

__all__ = ["Control", "ControlRequest", "RequestedState", "read_requested_state", "request_control"]


class Control(StrEnum):
    """What may be requested."""

    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlRequest:
    """One control that a person requested."""

    control: Control
    actor: str
    reason: str

    def __str__(self) -> str:
        return f"{self.actor}: {self.reason}" if self.reason else self.actor


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestedState:
    """All that is requested of one deployment.

    Attributes:
        abort: To roll it back.
        promote: To advance to all the traffic, whatever the judge says.
        paused: Whether it is to stay as it is; it is rolled back all the same where it does harm.
    """

    abort: ControlRequest | None = None
    promote: ControlRequest | None = None
    paused: bool = False


def request_control(
    connection: Connection,
    *,
    environment: str,
    deployment_id: str,
    control: Control,
    actor: str,
    reason: str,
    at: datetime,
) -> None:
    """Record a request; the process that carries out the deployment heeds it.

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


def read_requested_state(connection: Connection, deployment_id: str) -> RequestedState:
    """Return what is requested of a deployment: not what to do next, but what is to be true of it."""
    rows = connection.execute(
        select(controls).where(controls.c.deployment_id == deployment_id).order_by(controls.c.id)
    )
    wishes = [ControlRequest(control=Control(row.kind), actor=row.actor, reason=row.reason) for row in rows]
    pausing = [wish for wish in wishes if wish.control in {Control.PAUSE, Control.RESUME}]
    return RequestedState(
        abort=next((wish for wish in wishes if wish.control is Control.ABORT), None),
        promote=next((wish for wish in wishes if wish.control is Control.PROMOTE), None),
        paused=bool(pausing) and pausing[-1].control is Control.PAUSE,
    )
