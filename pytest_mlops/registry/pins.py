"""Pins: versions that somebody depends on, as a deployment does, and that retention leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from pytest_mlops.registry.naming import check_name
from pytest_mlops.registry.versions import get_version
from pytest_mlops.registry.write_lock import take_turn
from pytest_mlops.store.log import append
from pytest_mlops.store.schema import pins

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

__all__ = ["Pin", "pin", "pins_of", "unpin"]


class Pin(NamedTuple):
    """Who depends on which version."""

    holder: str
    model_id: str
    version_id: str
    pinned: float
    """Seconds since the epoch."""


def pin(
    connection: Connection, model_id: str, version_id: str, *, holder: str, actor: str, at: datetime
) -> Pin:
    """Keep a version from being removed until its holder lets go; pinning again changes nothing.

    Args:
        connection: A write transaction.
        model_id: The model.
        version_id: A registered version.
        holder: What depends on it, as ``deployment/production``.
        actor: Who pins it.
        at: When.

    Raises:
        NotRegistered: there is no such version.
    """
    check_name("holder", holder)
    take_turn(connection)
    get_version(connection, model_id, version_id)
    there = connection.execute(select(pins).where(_this(holder, model_id, version_id))).first()
    if there is not None:
        return Pin(*there)
    made = Pin(holder, model_id, version_id, at.timestamp())
    connection.execute(
        pins.insert().values(holder=holder, model_id=model_id, version=version_id, pinned_at=made.pinned)
    )
    _log(connection, "pin", made, actor=actor, at=at)
    return made


def unpin(
    connection: Connection, model_id: str, version_id: str, *, holder: str, actor: str, at: datetime
) -> bool:
    """Let go of a version; tell whether the holder had it pinned."""
    take_turn(connection)
    gone = connection.execute(pins.delete().where(_this(holder, model_id, version_id))).rowcount
    if gone:
        made = Pin(holder, model_id, version_id, at.timestamp())
        _log(connection, "unpin", made, actor=actor, at=at)
    return bool(gone)


def pins_of(connection: Connection, model_id: str | None = None) -> tuple[Pin, ...]:
    """Return the pins, of one model or of all, by model, version and holder."""
    query = select(pins).order_by(pins.c.model_id, pins.c.version, pins.c.holder)
    if model_id is not None:
        query = query.where(pins.c.model_id == model_id)
    return tuple(Pin(*row) for row in connection.execute(query))


def _this(holder: str, model_id: str, version_id: str) -> ColumnElement[bool]:
    return (pins.c.holder == holder) & (pins.c.model_id == model_id) & (pins.c.version == version_id)


def _log(connection: Connection, kind: str, made: Pin, *, actor: str, at: datetime) -> None:
    append(
        connection,
        kind=kind,
        subject=f"{made.model_id}/{made.version_id}",
        body={"holder": made.holder},
        actor=actor,
        at=at,
    )
