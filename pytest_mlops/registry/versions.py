"""Versions: registered once, found by name, by alias or by filters."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from pytest_mlops.errors import ConflictError, NotRegistered
from pytest_mlops.records.codec import dump_canonical
from pytest_mlops.registry import proof
from pytest_mlops.registry.compatibility import compare_metadata
from pytest_mlops.registry.entries import Entries, Link, Registration, VersionEntry, VersionPage
from pytest_mlops.registry.lineage import EVIDENCE, RELINKED, check_parent, keep_links
from pytest_mlops.registry.naming import check_name, nearest, split_tag
from pytest_mlops.registry.selection import BY_ALIAS, BY_NAME, TAGS_BETWEEN, listing
from pytest_mlops.registry.tags import change_tags, insert_tags
from pytest_mlops.store.log import append, take_write_lock
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import aliases, model_versions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.verdict import Verdict

__all__ = ["find_version", "get_by_alias", "get_for_change", "get_version", "list_versions", "register"]

MOST = 10_000
"""Versions of one page."""
SPREAD = 8
"""Numbers per version of a page up to which the tags of all of them are read at once."""

_NAMES = 1_000  # compared for the nearest one

_INSERT = Prepared(
    model_versions.insert().returning(model_versions.c.id),
    columns=[name for name in model_versions.c.keys() if name != "id"],  # noqa: SIM118 -- no mapping
)
_SET_STORED = Prepared(
    model_versions.update().where(model_versions.c.id == bindparam("number")).values(stored=bindparam("kept"))
)


def register(
    connection: Connection,
    version: ModelVersion,
    *,
    run_id: str | None = None,
    links: Sequence[Link] = (),
    stored: bool = False,
    tags: Sequence[str] = (),
    actor: str,
    at: datetime,
) -> Registration:
    """Register a version, once: the same name with the same bytes is the entry that is there.

    Registering again with newer evidence makes the entry rest on it; older evidence changes nothing. Further
    tags, links and bytes are added; metadata stay as they were first registered.

    Args:
        connection: A write transaction.
        version: What is registered.
        run_id: A recorded run whose model had these bytes.
        links: What it was made from, beside its parent and its ``data_version``.
        stored: Whether the artifact store has its bytes.
        tags: Tags beside those of the version.
        actor: Who registers it.
        at: When.

    Raises:
        ConflictError: the name is taken by other bytes.
        EvidenceError: the run is not recorded, or was of another model or other bytes.
        InvalidMetadata: a name that cannot be one, or a version that would descend from itself.
    """
    check_name("model id", version.model_id)
    check_name("version id", version.version_id)
    take_write_lock(connection)
    evidence = None
    if run_id is not None:
        evidence = proof.look_up(connection, run_id, model_id=version.model_id, digest=version.digest)
    body = dump_canonical(version).decode()
    there = find_version(connection, version.model_id, version.version_id)
    if there is not None:
        _refuse_other(there, version, body)
        known = there.model_version
        further = [*tags, *(tag for tag in version.tags if tag not in known.tags)]
        there = _again(connection, there, evidence, links, stored=stored, tags=further, actor=actor, at=at)
        return Registration(entry=there, created=False, not_taken=compare_metadata(version, known))
    check_parent(connection, version)
    row: dict[str, Any] = {
        "model_id": version.model_id,
        "version": version.version_id,
        "digest": version.digest,
        "parent": version.parent_version,
        "body": body,
        "run_id": None if evidence is None else evidence.run_id,
        "verdict": None if evidence is None else evidence.verdict,
        "stored": int(stored),
        "created_at": at.timestamp(),
        "created_by": actor,
    }
    number = _INSERT.run(connection, row).scalar_one()
    packed = insert_tags(connection, number, dict(split_tag(text) for text in (*version.tags, *tags)))
    keep_links(connection, number, [*links, *_data_of(version)])
    append(
        connection,
        kind="register",
        subject=f"{version.model_id}/{version.version_id}",
        body={
            "digest": version.digest,
            "run_id": row["run_id"],
            "verdict": row["verdict"],
            "body_digest": hashlib.sha256(body.encode()).hexdigest(),
        },
        actor=actor,
        at=at,
    )
    return Registration(entry=VersionEntry._make((number, *row.values(), packed)), created=True)


def get_version(connection: Connection, model_id: str, version_id: str) -> VersionEntry:
    """Return a version.

    Raises:
        NotRegistered: there is none of that name; the message has the nearest.
    """
    found = find_version(connection, model_id, version_id)
    if found is None:
        raise NotRegistered(_unknown(connection, model_id, version_id))
    return found


def get_for_change(connection: Connection, model_id: str, version_id: str) -> VersionEntry:
    """Return a version that no other transaction changes until this one ends.

    Raises:
        NotRegistered: there is none of that name.
    """
    take_write_lock(connection)
    return get_version(connection, model_id, version_id)


def find_version(connection: Connection, model_id: str, version_id: str) -> VersionEntry | None:
    """Return a version, or ``None``."""
    row = BY_NAME.run(connection, {"model_id": model_id, "version": version_id}).first()
    return None if row is None else VersionEntry._make(row)


def get_by_alias(connection: Connection, model_id: str, alias: str) -> VersionEntry:
    """Return the version that an alias points to.

    Raises:
        NotRegistered: the alias points nowhere; the message has the nearest that does.
    """
    row = BY_ALIAS.run(connection, {"model_id": model_id, "alias": alias}).first()
    if row is None:
        raise NotRegistered(_unknown_alias(connection, model_id, alias))
    return VersionEntry._make(row)


def list_versions(
    connection: Connection,
    *,
    model_id: str | None = None,
    tag: str | None = None,
    alias: str | None = None,
    verdict: Verdict | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
    cursor: int | None = None,
    limit: int = 100,
) -> VersionPage:
    """List versions, newest first; a page costs the same wherever it lies.

    Args:
        connection: Any connection.
        model_id: Of this model only.
        tag: With this tag: ``gold``, or with this value: ``team=risk``.
        alias: That this alias points to now.
        verdict: Whose evidence came to this.
        since: Registered at this time or later.
        before: Registered before this time.
        cursor: Of the page before.
        limit: Versions of a page, 1 to 10,000.
    """
    if not 1 <= limit <= MOST:
        raise ValueError(f"limit is {limit}; expected 1 to {MOST:,}")
    values: dict[str, Any] = {
        "model_id": model_id,
        "alias": alias,
        "verdict": None if verdict is None else verdict.value,
        "since": None if since is None else since.timestamp(),
        "before": None if before is None else before.timestamp(),
        "cursor": cursor,
    }
    if tag is not None:
        name, equals, value = tag.partition("=")
        values["tag"] = name
        values["tag_value"] = value if equals else None
    given = {name: value for name, value in values.items() if value is not None}
    statement = listing(frozenset(given))
    with contextlib.closing(statement.run(connection, {**given, "count": limit + 1})) as result:
        rows = result.cursor.fetchall()  # the driver's own tuples: SQLAlchemy's rows would take as long again
    tags = _tags_of(connection, rows)
    tagged = [(*row[:-1], tags.get(row[0])) for row in rows[:limit]] if tags else rows[:limit]
    entries = Entries(tagged)
    return VersionPage(entries=entries, cursor=entries[-1].number if len(rows) > limit else None)


def _tags_of(connection: Connection, rows: Sequence[Sequence[Any]]) -> dict[int, str]:
    """Return number -> packed tags, as in an entry, of the versions of a page that have any."""
    if not rows:
        return {}
    first, last = rows[-1][0], rows[0][0]
    # The numbers of a page lie close together, unless a filter or another model lies between them.
    close = last - first < SPREAD * len(rows)
    spans = [(first, last)] if close else [(row[0], row[0]) for row in rows]
    packed: dict[int, list[str]] = {}
    for low, high in spans:
        for row in TAGS_BETWEEN.run(connection, {"first": low, "last": high}):
            packed.setdefault(row.version_id, []).append(f"{row.tag}\x1f{row.value}")
    return {number: "\x1e".join(texts) for number, texts in packed.items()}


def _data_of(version: ModelVersion) -> list[Link]:
    data = version.metadata.data_version
    return [] if data is None else [Link(relation="data", target=data)]


def _refuse_other(there: VersionEntry, version: ModelVersion, body: str) -> None:
    if there.digest != version.digest:
        raise ConflictError(
            f"{version.model_id} {version.version_id} is registered with the digest {there.digest}, "
            f"and these bytes have {version.digest}; use a new version id"
        )
    if version.digest is None and there.body != body:
        raise ConflictError(
            f"{version.model_id} {version.version_id} is registered with other metadata, and neither names "
            "the bytes it is of; use a new version id"
        )


def _again(
    connection: Connection,
    there: VersionEntry,
    evidence: proof.Proof | None,
    links: Sequence[Link],
    *,
    stored: bool,
    tags: Sequence[str],
    actor: str,
    at: datetime,
) -> VersionEntry:
    """Add to an entry what is new about it: later evidence, further links and tags, its bytes."""
    fetched = stored and not there.stored
    if fetched:
        _SET_STORED.run(connection, {"number": there.number, "kept": 1})
        there = there._replace(stored=1)
    if evidence is not None and proof.attach(connection, there, evidence, actor=actor, at=at):
        there = there._replace(run_id=evidence.run_id, result=evidence.verdict)
    changed = keep_links(connection, there.number, links)
    if fetched or changed:
        superseded = {was for link, was in changed if link.relation == EVIDENCE and was is not None}
        append(
            connection,
            kind=RELINKED,
            subject=f"{there.model_id}/{there.version_id}",
            body={
                "stored": bool(there.stored),
                "links": [[link.relation, link.target, link.digest] for link, _ in changed],
                "artifacts": sorted(superseded),
            },
            actor=actor,
            at=at,
        )
    return change_tags(connection, there, add=tags, actor=actor, at=at)


def _unknown(connection: Connection, model_id: str, version_id: str) -> str:
    versions = model_versions.c
    mine = select(versions.version).where(versions.model_id == model_id)
    known = connection.scalars(mine.order_by(versions.id.desc()).limit(_NAMES)).all()
    if known:
        return f"{model_id} has no version {version_id}{nearest(version_id, known)}"
    return _unknown_model(connection, model_id)


def _unknown_alias(connection: Connection, model_id: str, alias: str) -> str:
    mine = select(aliases.c.alias).where(aliases.c.model_id == model_id, aliases.c.version.is_not(None))
    known = connection.scalars(mine.limit(_NAMES)).all()
    if known:
        return f"{model_id} has no alias {alias}{nearest(alias, known)}"
    any_version = select(model_versions.c.id).where(model_versions.c.model_id == model_id).limit(1)
    if connection.scalar(any_version) is not None:
        return f"{model_id} has no alias {alias}, nor any other"
    return _unknown_model(connection, model_id)


def _unknown_model(connection: Connection, model_id: str) -> str:
    models = connection.scalars(select(model_versions.c.model_id).distinct().limit(_NAMES)).all()
    return f"no version of {model_id} is registered{nearest(model_id, models)}"
