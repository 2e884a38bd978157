"""Retention: old versions are removed unless an alias, a pin or a child depends on them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from pytest_mlops.errors import InvalidMetadata
from pytest_mlops.registry.lineage import EVIDENCE, RELINKED
from pytest_mlops.registry.naming import check_name
from pytest_mlops.registry.versions import get_version
from pytest_mlops.store.log import append, read_log, take_write_lock
from pytest_mlops.store.schema import aliases, lineage, model_versions, pins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row, Select

__all__ = ["Pin", "Removal", "RetentionRule", "choose", "dead_artifacts", "pin", "pins_of", "remove", "unpin"]

REMOVED = "remove"
_BATCH = 1000

_versions = model_versions.c


class Pin(NamedTuple):
    """A version that a holder depends on."""

    holder: str
    model_id: str
    version_id: str
    pinned: float
    """Seconds since the epoch."""


class Removal(NamedTuple):
    """A version that is removed, with the artifacts it needed."""

    number: int
    model_id: str
    version_id: str
    artifacts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionRule:
    """Which versions may go; where both ``keep`` and ``older_than`` are given, both have to hold.

    Attributes:
        model_id: Of this model only.
        keep: The newest of each model that stay, 0 or more.
        older_than: Only versions registered longer ago than this.

    Raises:
        InvalidMetadata: neither ``keep`` nor ``older_than`` is given, or one is negative.
    """

    model_id: str | None = None
    keep: int | None = None
    older_than: timedelta | None = None

    def __post_init__(self) -> None:
        if self.keep is None and self.older_than is None:
            raise InvalidMetadata(
                "expected the number of versions to keep, or the age from which they are removed"
            )
        if (self.keep or 0) < 0 or (self.older_than or timedelta()) < timedelta():
            raise InvalidMetadata("the number of versions to keep and their age must be 0 or more")


def choose(connection: Connection, rule: RetentionRule, *, now: datetime) -> list[Removal]:
    """Return the versions that may go, oldest first.

    Never one that an alias points to, that is pinned, or that is the parent of such a one.
    """
    rows = connection.execute(_rows(rule.model_id)).all()
    safe = _protected(connection, rows)
    newest: dict[str, int] = defaultdict(int)
    limit = None if rule.older_than is None else (now - rule.older_than).timestamp()
    chosen = []
    for row in rows:  # newest first
        newest[row.model_id] += 1
        beyond = rule.keep is None or newest[row.model_id] > rule.keep
        old = limit is None or row.created_at < limit
        if beyond and old and (row.model_id, row.version) not in safe:
            chosen.append(row)
    bundles = _bundles(connection)
    return [
        Removal(
            row.id,
            row.model_id,
            row.version,
            tuple(sorted({*bundles[row.id], *([row.digest] if row.stored else [])})),
        )
        for row in reversed(chosen)
    ]


def remove(connection: Connection, rule: RetentionRule, *, actor: str, at: datetime) -> list[Removal]:
    """Take versions out of the registry, with an entry in the log for each; the history of aliases stays."""
    take_write_lock(connection)
    removals = choose(connection, rule, now=at)
    for removal in removals:
        connection.execute(model_versions.delete().where(_versions.id == removal.number))
        append(
            connection,
            kind=REMOVED,
            subject=f"{removal.model_id}/{removal.version_id}",
            body={"artifacts": list(removal.artifacts)},
            actor=actor,
            at=at,
        )
    return removals


def dead_artifacts(connection: Connection, going: Iterable[Removal] = ()) -> set[str]:
    """Return digests of artifacts that removed versions needed or others superseded, and no version needs.

    They are read from the log, so that after a crash between removing a version and sweeping its bytes
    the next sweep removes them; other files in the same store are left alone.

    Args:
        connection: Any connection.
        going: Removals that are only planned.
    """
    planned = list(going)
    leaving = {removal.number for removal in planned}
    dead = {digest for removal in planned for digest in removal.artifacts}
    for kind in (REMOVED, RELINKED):
        after = 0
        while entries := read_log(connection, kind=kind, after=after, limit=_BATCH):
            dead.update(digest for entry in entries for digest in entry.body["artifacts"])
            after = entries[-1].seq
    kept = connection.execute(select(_versions.id, _versions.digest).where(_versions.stored == 1))
    live = {digest for number, digest in kept if number not in leaving}
    for number, digests in _bundles(connection).items():
        if number not in leaving:
            live.update(digests)
    return dead - live


def pin(
    connection: Connection, model_id: str, version_id: str, *, holder: str, actor: str, at: datetime
) -> Pin:
    """Keep a version from being removed until its holder unpins it; pinning again changes nothing.

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
    take_write_lock(connection)
    get_version(connection, model_id, version_id)
    there = connection.execute(select(pins).where(_this(holder, model_id, version_id))).first()
    if there is not None:
        return Pin(*there)
    made = Pin(holder, model_id, version_id, at.timestamp())
    connection.execute(
        pins.insert().values(holder=holder, model_id=model_id, version=version_id, pinned_at=made.pinned)
    )
    _log_pin(connection, "pin", made, actor=actor, at=at)
    return made


def unpin(
    connection: Connection, model_id: str, version_id: str, *, holder: str, actor: str, at: datetime
) -> bool:
    """Remove the pin of a holder; return whether there was one."""
    take_write_lock(connection)
    gone = connection.execute(pins.delete().where(_this(holder, model_id, version_id))).rowcount
    if gone:
        made = Pin(holder, model_id, version_id, at.timestamp())
        _log_pin(connection, "unpin", made, actor=actor, at=at)
    return bool(gone)


def pins_of(connection: Connection, model_id: str | None = None) -> tuple[Pin, ...]:
    """Return the pins, of one model or of all, by model, version and holder."""
    query = select(pins).order_by(pins.c.model_id, pins.c.version, pins.c.holder)
    if model_id is not None:
        query = query.where(pins.c.model_id == model_id)
    return tuple(Pin(*row) for row in connection.execute(query))


def _rows(model_id: str | None) -> Select[Any]:
    query = select(
        _versions.id,
        _versions.model_id,
        _versions.version,
        _versions.digest,
        _versions.parent,
        _versions.stored,
        _versions.created_at,
    ).order_by(_versions.id.desc())
    return query if model_id is None else query.where(_versions.model_id == model_id)


def _protected(connection: Connection, rows: Sequence[Row[Any]]) -> set[tuple[str, str]]:
    pointed = select(aliases.c.model_id, aliases.c.version).where(aliases.c.version.is_not(None))
    held = select(pins.c.model_id, pins.c.version)
    used = {(row[0], row[1]) for query in (pointed, held) for row in connection.execute(query)}
    parents = {(row.model_id, row.parent) for row in rows if (row.model_id, row.version) in used}
    return used | parents


def _bundles(connection: Connection) -> dict[int, list[str]]:
    """Return version number -> digests of the evidence that is kept of it."""
    found: dict[int, list[str]] = defaultdict(list)
    query = select(lineage.c.version_id, lineage.c.digest).where(
        lineage.c.relation == EVIDENCE, lineage.c.digest.is_not(None)
    )
    for number, digest in connection.execute(query):
        found[number].append(digest)
    return found


def _this(holder: str, model_id: str, version_id: str) -> ColumnElement[bool]:
    return (pins.c.holder == holder) & (pins.c.model_id == model_id) & (pins.c.version == version_id)


def _log_pin(connection: Connection, kind: str, made: Pin, *, actor: str, at: datetime) -> None:
    append(
        connection,
        kind=kind,
        subject=f"{made.model_id}/{made.version_id}",
        body={"holder": made.holder},
        actor=actor,
        at=at,
    )
