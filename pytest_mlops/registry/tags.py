"""Tags of versions, with or without a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam

from pytest_mlops.errors import InvalidMetadata
from pytest_mlops.registry.naming import split_tag
from pytest_mlops.store.log import append
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import version_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from pytest_mlops.registry.entries import VersionEntry

__all__ = ["change_tags", "insert_tags", "pack"]

_INSERT = Prepared(version_tags.insert(), columns=("version_id", "tag", "value"))
_DELETE = Prepared(
    version_tags.delete().where(
        version_tags.c.version_id == bindparam("number"), version_tags.c.tag == bindparam("name")
    )
)


def insert_tags(connection: Connection, number: int, tags: Mapping[str, str]) -> str | None:
    """Keep the tags of a new version, and return them as an entry holds them."""
    for name, value in tags.items():
        _INSERT.run(connection, {"version_id": number, "tag": name, "value": value})
    return pack(tags)


def change_tags(
    connection: Connection,
    entry: VersionEntry,
    *,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    actor: str,
    at: datetime,
) -> VersionEntry:
    """Add and remove tags, and return the entry as it is then.

    Args:
        connection: A write transaction in which ``entry`` was read.
        entry: The version.
        add: ``team=risk`` or ``gold``; one that is there takes the new value.
        remove: Names; one that is not there is no mistake.
        actor: Who.
        at: When.

    Raises:
        InvalidMetadata: a name that cannot be one, or one that is added and removed.
    """
    added, removed = dict(split_tag(text) for text in add), set(remove)
    if both := sorted(added.keys() & removed):
        raise InvalidMetadata(f"the tag {both[0]} is to be added and removed; choose one")
    before = entry.tags
    after = {name: value for name, value in before.items() if name not in removed} | added
    if after == before:
        return entry
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    for name in sorted(changed):
        _DELETE.run(connection, {"number": entry.number, "name": name})
        if name in after:
            _INSERT.run(connection, {"version_id": entry.number, "tag": name, "value": after[name]})
    append(
        connection,
        kind="tag",
        subject=f"{entry.model_id}/{entry.version_id}",
        body={"tags": {name: after.get(name) for name in sorted(changed)}},
        actor=actor,
        at=at,
    )
    return entry._replace(packed_tags=pack(after))


def pack(tags: Mapping[str, str]) -> str | None:
    """Return tags as one text, as the database puts them together."""
    return "\x1e".join(f"{name}\x1f{value}" for name, value in tags.items()) or None
