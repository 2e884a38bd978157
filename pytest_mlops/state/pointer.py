"""The pointer: which deployments serve an environment, moved by compare-and-set: the one commit point."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from pytest_mlops.errors import ConflictError
from pytest_mlops.store.log import append
from pytest_mlops.store.schema import pointers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["NOWHERE", "Pointer", "move_pointer", "read_pointer"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointer:
    """What serves an environment.

    Attributes:
        revision: Counts the moves; 0 before the first.
        stable: The deployment that serves, in a rollout beside the new one.
        previous: The one before it.
        weights: Deployment -> percent of the requests that go to it; of nothing, nothing is served.
        shadow: Deployment -> share of the requests of which it gets a copy.
    """

    revision: int = 0
    stable: str | None = None
    previous: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    shadow: Mapping[str, float] = field(default_factory=dict)


NOWHERE = Pointer()
"""The pointer of an environment that nothing was ever deployed to."""


def read_pointer(connection: Connection, environment: str) -> Pointer:
    """Return the pointer of an environment."""
    row = connection.execute(select(pointers).where(pointers.c.environment == environment)).first()
    if row is None:
        return NOWHERE
    return Pointer(
        revision=row.revision,
        stable=row.stable,
        previous=row.previous,
        weights=json.loads(row.weights),
        shadow=json.loads(row.shadow),
    )


def move_pointer(
    connection: Connection,
    environment: str,
    to: Pointer,
    *,
    expected: int,
    fence: int,
    actor: str,
    reason: str,
    at: datetime,
) -> Pointer:
    """Move the pointer, provided that it has not moved since it was read.

    Args:
        connection: From ``Lease.write``, so that the mover's lease holds.
        environment: The environment.
        to: Where to; its revision is ignored.
        expected: The revision that was read.
        fence: That of the mover's lease; one older than that of the last move is refused.
        actor: Who.
        reason: Why, for the log.
        at: When.

    Returns:
        The pointer as it is now.

    Raises:
        ConflictError: it has moved meanwhile, or the mover's lease is an old one.
    """
    row = connection.execute(
        select(pointers.c.revision, pointers.c.fence)
        .where(pointers.c.environment == environment)
        .with_for_update()
    ).first()
    revision, last_fence = (0, 0) if row is None else (row.revision, row.fence)
    if revision != expected or last_fence > fence:
        raise ConflictError(
            f"the pointer of {environment} was moved by another process: it is at revision {revision} (fence "
            f"{last_fence}), expected {expected} (fence {fence} or older); see pytest-mlops status"
        )
    values = {
        "revision": revision + 1,
        "stable": to.stable,
        "previous": to.previous,
        "weights": json.dumps(dict(to.weights), sort_keys=True, allow_nan=False),
        "shadow": json.dumps(dict(to.shadow), sort_keys=True, allow_nan=False),
        "fence": fence,
        "updated_at": at.timestamp(),
    }
    if row is None:
        connection.execute(pointers.insert().values(environment=environment, **values))
    else:
        connection.execute(pointers.update().where(pointers.c.environment == environment).values(**values))
    append(
        connection,
        kind="pointer",
        subject=environment,
        body={
            "revision": revision + 1,
            "stable": to.stable,
            "previous": to.previous,
            "weights": dict(to.weights),
            "shadow": dict(to.shadow),
            "fence": fence,
            "reason": reason,
        },
        actor=actor,
        at=at,
    )
    return Pointer(
        revision=revision + 1,
        stable=to.stable,
        previous=to.previous,
        weights=dict(to.weights),
        shadow=dict(to.shadow),
    )
