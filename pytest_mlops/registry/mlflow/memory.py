"""What a server was last told of our aliases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from pytest_mlops.store.limits import require_fit
from pytest_mlops.store.log import append
from pytest_mlops.store.schema import log, projections

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

__all__ = ["MOVED", "TOLD", "Told", "all_told", "log_once", "recall", "remember"]

TOLD, MOVED = "mlflow-alias", "mlflow-alias-moved"
"""Kinds of log entries: a server was told of an alias of ours; somebody else had moved it there."""

_LOOKED_AT = 50  # entries of one alias, to find the last about one server


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """An alias as a server was last told of it.

    Attributes:
        server: Address of the server.
        model_id: The model here.
        alias: The alias.
        version_id: The version it pointed to here; ``None``: nowhere.
        remote_version: The server's version that stands for it.
        revision: Of our alias at that time.
    """

    server: str
    model_id: str
    alias: str
    version_id: str | None
    remote_version: str | None
    revision: int


def recall(connection: Connection, server: str, model_id: str, alias: str) -> Told | None:
    """Return what a server was last told of an alias; ``None`` if nothing."""
    query = select(projections).where(_is(server, model_id, alias))
    row = connection.execute(query).one_or_none()
    return None if row is None else _told(row)


def all_told(connection: Connection, server: str, model_id: str | None = None) -> list[Told]:
    """Return everything that a server was told, by model and alias."""
    query = select(projections).where(projections.c.server == server)
    if model_id is not None:
        query = query.where(projections.c.model_id == model_id)
    query = query.order_by(projections.c.model_id, projections.c.alias)
    return [_told(row) for row in connection.execute(query)]


def remember(
    connection: Connection, told: Told, *, name: str, found: str | None, actor: str, at: datetime
) -> None:
    """Note what a server was told, and log it; what it was told already is not logged again.

    Args:
        connection: A write transaction whose turn it is.
        told: What.
        name: The registered model there.
        found: Where the alias pointed before.
        actor: Who told it.
        at: When.

    Raises:
        StoreError: a name is too long.
    """
    before = recall(connection, told.server, told.model_id, told.alias)
    if before == told and found == told.remote_version:
        return
    row = {
        "server": told.server,
        "model_id": told.model_id,
        "alias": told.alias,
        "version": told.version_id,
        "remote_version": told.remote_version,
        "revision": told.revision,
        "projected_at": at.timestamp(),
    }
    require_fit(projections, row)
    connection.execute(delete(projections).where(_is(told.server, told.model_id, told.alias)))
    connection.execute(insert(projections), row)
    body = {
        "server": told.server,
        "name": name,
        "version": told.version_id,
        "remote_version": told.remote_version,
        "revision": told.revision,
        "found": found,
    }
    append(connection, kind=TOLD, subject=_subject(told.model_id, told.alias), body=body, actor=actor, at=at)


def log_once(
    connection: Connection,
    model_id: str,
    alias: str,
    body: Mapping[str, object],
    *,
    actor: str,
    at: datetime,
) -> None:
    """Log that somebody else moved an alias, unless that is the last thing the log says of it there."""
    subject = _subject(model_id, alias)
    query = (
        select(log.c.kind, log.c.body)
        .where(log.c.subject == subject, log.c.kind.in_((TOLD, MOVED)))
        .order_by(log.c.seq.desc())
        .limit(_LOOKED_AT)
    )
    entries = ((row.kind, json.loads(row.body)) for row in connection.execute(query))
    last = next((entry for entry in entries if entry[1].get("server") == body["server"]), None)
    if last != (MOVED, dict(body)):
        append(connection, kind=MOVED, subject=subject, body=body, actor=actor, at=at)


def _is(server: str, model_id: str, alias: str) -> ColumnElement[bool]:
    return (
        (projections.c.server == server)
        & (projections.c.model_id == model_id)
        & (projections.c.alias == alias)
    )


def _subject(model_id: str, alias: str) -> str:
    return f"{model_id}@{alias}"


def _told(row: Row[Any]) -> Told:
    return Told(
        server=row.server,
        model_id=row.model_id,
        alias=row.alias,
        version_id=row.version,
        remote_version=row.remote_version,
        revision=row.revision,
    )
