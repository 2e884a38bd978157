"""Retention: old versions go, and never one that somebody points to or depends on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from pytest_mlops.errors import InvalidMetadata
from pytest_mlops.registry.write_lock import take_turn
from pytest_mlops.store.log import append, read_log
from pytest_mlops.store.schema import aliases, lineage, model_versions, pins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row, Select

__all__ = ["EVIDENCE", "RELINKED", "Removal", "Rule", "choose", "dead_artifacts", "remove"]

EVIDENCE = "evidence"
"""The relation of a version to the run it rests on; its digest is that of the kept record and arrays."""

RELINKED = "relink"
"""What the log calls a registration again that changed links; ``artifacts`` are evidence it superseded."""

REMOVED = "remove"
_BATCH = 1000

_versions = model_versions.c


class Removal(NamedTuple):
    """A version that goes, with the artifacts it needed."""

    number: int
    model_id: str
    version_id: str
    artifacts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
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
            raise InvalidMetadata("say how many versions to keep, or how old those are that may go")
        if (self.keep or 0) < 0 or (self.older_than or timedelta()) < timedelta():
            raise InvalidMetadata("the number of versions to keep, and their age, are 0 or more")


def choose(connection: Connection, rule: Rule, *, now: datetime) -> list[Removal]:
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


def remove(connection: Connection, rule: Rule, *, actor: str, at: datetime) -> list[Removal]:
    """Take versions out of the registry, with an entry in the log for each; the history of aliases stays."""
    take_turn(connection)
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

    They are read from the log, so that a crash between removing a version and sweeping its bytes is mended
    by the next sweep; what others keep in the same place is not ours to judge.

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
