"""Aliases as they were last projected to a server."""

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

__all__ = [
    "MOVED",
    "PROJECTED",
    "ProjectedAlias",
    "log_move",
    "projected_alias",
    "projected_aliases",
    "record_projection",
]

PROJECTED, MOVED = "mlflow-alias", "mlflow-alias-moved"
"""Kinds of log entries: an alias was projected to a server; another client had moved it there."""

_READ = 50  # entries of one alias, to find the last about one server


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectedAlias:
    """An alias as it was last projected to a server.

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


def projected_alias(connection: Connection, server: str, model_id: str, alias: str) -> ProjectedAlias | None:
    """Return an alias as it was last projected; ``None`` if it never was."""
    query = select(projections).where(_is(server, model_id, alias))
    row = connection.execute(query).one_or_none()
    return None if row is None else _from_row(row)


def projected_aliases(
    connection: Connection, server: str, model_id: str | None = None
) -> list[ProjectedAlias]:
    """Return all aliases that were projected to a server, by model and alias."""
    query = select(projections).where(projections.c.server == server)
    if model_id is not None:
        query = query.where(projections.c.model_id == model_id)
    query = query.order_by(projections.c.model_id, projections.c.alias)
    return [_from_row(row) for row in connection.execute(query)]


def record_projection(
    connection: Connection, alias: ProjectedAlias, *, name: str, found: str | None, actor: str, at: datetime
) -> None:
    """Keep and log a projection; the same projection is not logged twice.

    Args:
        connection: A write transaction that has the write lock.
        alias: What was projected.
        name: The registered model there.
        found: Where the alias pointed before.
        actor: Who projected it.
        at: When.

    Raises:
        StoreError: a name is too long.
    """
    before = projected_alias(connection, alias.server, alias.model_id, alias.alias)
    if before == alias and found == alias.remote_version:
        return
    row = {
        "server": alias.server,
        "model_id": alias.model_id,
        "alias": alias.alias,
        "version": alias.version_id,
        "remote_version": alias.remote_version,
        "revision": alias.revision,
        "projected_at": at.timestamp(),
    }
    require_fit(projections, row)
    connection.execute(delete(projections).where(_is(alias.server, alias.model_id, alias.alias)))
    connection.execute(insert(projections), row)
    body = {
        "server": alias.server,
        "name": name,
        "version": alias.version_id,
        "remote_version": alias.remote_version,
        "revision": alias.revision,
        "found": found,
    }
    append(
        connection,
        kind=PROJECTED,
        subject=_subject(alias.model_id, alias.alias),
        body=body,
        actor=actor,
        at=at,
    )


def log_move(
    connection: Connection,
    model_id: str,
    alias: str,
    body: Mapping[str, object],
    *,
    actor: str,
    at: datetime,
) -> None:
    """Log that another client moved an alias, unless that is its last log entry about this server."""
    subject = _subject(model_id, alias)
    query = (
        select(log.c.kind, log.c.body)
        .where(log.c.subject == subject, log.c.kind.in_((PROJECTED, MOVED)))
        .order_by(log.c.seq.desc())
        .limit(_READ)
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


def _from_row(row: Row[Any]) -> ProjectedAlias:
    return ProjectedAlias(
        server=row.server,
        model_id=row.model_id,
        alias=row.alias,
        version_id=row.version,
        remote_version=row.remote_version,
        revision=row.revision,
    )
