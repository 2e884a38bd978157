"""Lineage: the parents of a version, with what each was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import String, bindparam, cast, select

from pytest_mlops.errors import InvalidMetadata
from pytest_mlops.registry.entries import Lineage, Link, VersionEntry
from pytest_mlops.registry.naming import check_name
from pytest_mlops.registry.selection import BY_NAME
from pytest_mlops.store.limits import require_fit
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import lineage, model_versions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from pytest_mlops.records.model import ModelVersion

__all__ = ["EVIDENCE", "RELINKED", "check_parent", "keep_links", "links_of", "trace"]

EVIDENCE = "evidence"
"""The relation of a version to the run it rests on; its digest is that of the kept record and arrays."""

RELINKED = "relink"
"""What the log calls a registration again that changed links; ``artifacts`` are evidence it superseded."""

_versions = model_versions.c

_up = select(cast(bindparam("parent"), String(200)).label("version")).cte("up", recursive=True)
_up = _up.union(
    select(_versions.parent).where(
        _versions.model_id == bindparam("model_id"),
        _versions.version == _up.c.version,
        _versions.parent.is_not(None),
    )
)
_AMONG_ANCESTORS = Prepared(select(1).select_from(_up).where(_up.c.version == bindparam("version")).limit(1))

_LINKS = Prepared(
    select(lineage.c.relation, lineage.c.target, lineage.c.digest)
    .where(lineage.c.version_id == bindparam("number"))
    .order_by(lineage.c.relation, lineage.c.target)
)
_DROP_LINK = Prepared(
    lineage.delete().where(
        lineage.c.version_id == bindparam("number"),
        lineage.c.relation == bindparam("kind"),
        lineage.c.target == bindparam("name"),
    )
)
_INSERT_LINK = Prepared(lineage.insert(), columns=("version_id", "relation", "target", "digest"))


def check_parent(connection: Connection, version: ModelVersion) -> None:
    """Refuse a version that would descend from itself.

    Its parent need not be registered: a version may come from elsewhere.

    Raises:
        InvalidMetadata: it names itself, or a version that descends from it, as its parent.
    """
    parent = version.parent_version
    if parent is None:
        return
    check_name("parent version", parent)
    values = {"parent": parent, "model_id": version.model_id, "version": version.version_id}
    if _AMONG_ANCESTORS.run(connection, values).first() is not None:
        what = "itself" if parent == version.version_id else f"{parent}, which descends from it,"
        raise InvalidMetadata(f"{version.model_id} {version.version_id} names {what} as its parent version")


def keep_links(connection: Connection, number: int, links: Iterable[Link]) -> list[tuple[Link, str | None]]:
    """Add links to a version; one that is there takes the new digest.

    Returns:
        Each link that is new or changed, with the digest that it had before.
    """
    there = {(link.relation, link.target): link for link in links_of(connection, number)}
    changed = []
    for link in links:
        before = there.get((link.relation, link.target))
        if before == link:
            continue
        changed.append((link, None if before is None else before.digest))
        there[link.relation, link.target] = link
        row = {"version_id": number, "relation": link.relation, "target": link.target, "digest": link.digest}
        require_fit(lineage, row)
        _DROP_LINK.run(connection, {"number": number, "kind": link.relation, "name": link.target})
        _INSERT_LINK.run(connection, row)
    return changed


def links_of(connection: Connection, number: int) -> tuple[Link, ...]:
    """Return what a version was made from, sorted by relation and name."""
    rows = _LINKS.run(connection, {"number": number})
    return tuple(Link(relation=row.relation, target=row.target, digest=row.digest) for row in rows)


def trace(connection: Connection, entry: VersionEntry, *, depth: int = 100) -> Lineage:
    """Follow a version's parents upwards.

    Args:
        connection: Any connection.
        entry: Where to begin.
        depth: Most ancestors to return.
    """
    ancestors: list[VersionEntry] = []
    seen, parent = {entry.version_id}, entry.parent_version
    unregistered = None
    # A store that was written by hand may hold a circle; it ends where it closes.
    while parent is not None and parent not in seen and len(ancestors) < depth:
        row = BY_NAME.run(connection, {"model_id": entry.model_id, "version": parent}).first()
        if row is None:
            unregistered = parent
            break
        ancestors.append(VersionEntry._make(row))
        seen.add(parent)
        parent = ancestors[-1].parent_version
    links = {one.version_id: links_of(connection, one.number) for one in (entry, *ancestors)}
    return Lineage(entry=entry, ancestors=tuple(ancestors), unregistered=unregistered, links=links)
