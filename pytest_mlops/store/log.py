r"""The log of all changes: append-only, each entry bound to the one before by its hash.

The hash of an entry is the SHA-256 of ``pytest-mlops log entry 1\n`` followed by, each led by its length in
bytes (8 bytes, big-endian)::

    seq        8 bytes, big-endian; the first entry is 1
    at         seconds since the epoch, IEEE 754 double, big-endian
    actor, kind, subject, body      UTF-8; the body is JSON with sorted keys and without white space
    previous   hash of the entry before as hex; of the first entry, 64 zeros

Who can write to the database can also rewrite the whole log. To notice that, keep a hash of it elsewhere:
``verify_log`` checks that it is still part of the chain.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from pytest_mlops.errors import EvidenceError, StoreError
from pytest_mlops.store.limits import require_fit
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import log, log_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Row

__all__ = [
    "NOTHING_BEFORE",
    "LogEntry",
    "LogReport",
    "append",
    "default_actor",
    "read_log",
    "take_write_lock",
    "verify_log",
]

NOTHING_BEFORE = "0" * 64
"""The hash before the first entry, which is also the head of an empty log."""

_DOMAIN = b"pytest-mlops log entry 1\n"
_LENGTH = struct.Struct(">Q")
_DOUBLE = struct.Struct(">d")
_BATCH = 1000

_HEAD = select(log_head.c.seq, log_head.c.hash).where(log_head.c.id == 1)
_LOCK_HEAD = Prepared(_HEAD.with_for_update())
_INSERT = Prepared(insert(log), columns=log.c.keys())
_MOVE_HEAD = Prepared(
    update(log_head).where(log_head.c.id == 1).values(seq=bindparam("new_seq"), hash=bindparam("new_hash"))
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogEntry:
    """One change that was made.

    Attributes:
        seq: Number of the entry, from 1 without a gap.
        at: When, UTC.
        actor: Who.
        kind: Kind of change, as ``alias``.
        subject: What was changed, as ``credit-risk@champion``.
        body: The change itself.
        previous: Hash of the entry before.
        hash: Hash of this one.
    """

    seq: int
    at: datetime
    actor: str
    kind: str
    subject: str
    body: dict[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LogReport:
    """A log that was verified.

    Attributes:
        entries: How many there are.
        head: Hash of the last; keep it elsewhere to notice later if the log was rewritten.
    """

    entries: int
    head: str


def default_actor() -> str:
    """Return who acts, as the log names them: ``$MLOPS_ACTOR``, else user and machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        user = "unknown"
    return os.environ.get("MLOPS_ACTOR") or f"{user}@{platform.node()}"


def take_write_lock(connection: Connection) -> None:
    """Wait for other transactions that append to the log, and make later ones wait for this one.

    What is read afterwards stays true until this transaction ends, for everything whose changes are logged.

    Raises:
        StoreError: the store has lost the head of its log.
    """
    _lock_head(connection)


def append(
    connection: Connection, *, kind: str, subject: str, body: Mapping[str, object], actor: str, at: datetime
) -> LogEntry:
    """Append an entry within the caller's transaction, which other writers of the log then wait for.

    Args:
        connection: From ``Store.write``.
        kind: Kind of change, at most 80 characters.
        subject: What was changed, at most 500 characters.
        body: The change, as JSON has it.
        actor: Who made it, at most 200 characters.
        at: When, with a time zone.

    Raises:
        StoreError: the body is not JSON, a text is too long, or the store has lost the head of its log.
    """
    text = _canonical(body)
    row: dict[str, Any] = {"at": _seconds(at), "actor": actor, "kind": kind, "subject": subject, "body": text}
    require_fit(log, row)
    head = _lock_head(connection)
    row |= {"seq": head.seq + 1, "previous": head.hash}
    row["hash"] = _hash(**row)
    _INSERT.run(connection, row)
    _MOVE_HEAD.run(connection, {"new_seq": row["seq"], "new_hash": row["hash"]})
    return _entry(row)


def read_log(
    connection: Connection,
    *,
    kind: str | None = None,
    subject: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[LogEntry]:
    """Return entries in their order; to page on, pass the last ``seq`` as ``after``.

    Args:
        connection: From ``Store.read`` or ``Store.write``.
        kind: Only changes of this kind.
        subject: Only changes of this.
        after: Only entries with a greater ``seq``.
        limit: At most so many.

    Raises:
        EvidenceError: an entry cannot be read, because it was changed after it was written.
    """
    query = select(log).where(log.c.seq > after).order_by(log.c.seq).limit(limit)
    if kind is not None:
        query = query.where(log.c.kind == kind)
    if subject is not None:
        query = query.where(log.c.subject == subject)
    return [_entry(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 -- public in all but name


def verify_log(connection: Connection, *, head: str | None = None) -> LogReport:
    """Compute every hash of the log again; the memory needed does not depend on its length.

    Args:
        connection: From ``Store.read``.
        head: A hash that the log had as its head once; it has to be part of it still.

    Raises:
        EvidenceError: the first entry that is missing, inserted, moved or changed; an end that was cut off;
            or a log that no longer leads through ``head``.
    """
    seq, previous = 0, NOTHING_BEFORE
    met = head is None or head == NOTHING_BEFORE
    for row in _stream(connection):
        _check(row, seq + 1, previous)
        seq, previous = row.seq, row.hash
        met = met or previous == head
    _check_head(connection.execute(_HEAD).one_or_none(), seq, previous)
    if not met:
        raise EvidenceError(
            f"the log has no entry with the hash {head}; it was cut off and continued, or rewritten"
        )
    return LogReport(entries=seq, head=previous)


def _lock_head(connection: Connection) -> Row[Any]:
    head = _LOCK_HEAD.run(connection, {}).one_or_none()
    if head is None:
        raise StoreError("the head of the log is missing from the store; restore the store from a backup")
    return head


def _stream(connection: Connection) -> Iterator[Row[Any]]:
    last: int | None = None
    while True:
        query = select(log).order_by(log.c.seq).limit(_BATCH)
        rows = connection.execute(query if last is None else query.where(log.c.seq > last)).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].seq


def _check(row: Row[Any], seq: int, previous: str) -> None:
    if row.seq != seq:
        missing = f"entry {seq} of the log is missing; entry {row.seq} follows instead"
        raise EvidenceError(missing if row.seq > seq else f"the log has an entry {row.seq} before its first")
    if row.previous != previous:
        raise EvidenceError(
            f"entry {seq} of the log follows the hash {row.previous!r:.80}; "
            f"the entry before it has {previous}"
        )
    made = _made_again(row)
    if row.hash != made:
        raise EvidenceError(
            f"entry {seq} of the log was changed after it was written: its content has the hash {made}, "
            f"and it states {row.hash!r:.80}"
        )


def _check_head(head: Row[Any, Any] | None, seq: int, previous: str) -> None:
    if head is None:
        raise EvidenceError("the head of the log is missing")
    if head.seq > seq:
        raise EvidenceError(f"the log ends with entry {seq}; its head names entry {head.seq}")
    if head.seq != seq or head.hash != previous:
        raise EvidenceError(
            f"entry {seq}, the last of the log, has the hash {previous}; the head states entry {head.seq} "
            f"with {head.hash!r:.80}"
        )


def _made_again(row: Row[Any]) -> str:
    """Return the hash of a stored entry; a value that append cannot have written has none."""
    try:
        return _hash(
            seq=row.seq,
            at=row.at,
            actor=row.actor,
            kind=row.kind,
            subject=row.subject,
            body=row.body,
            previous=row.previous,
        )
    except (AttributeError, TypeError, struct.error) as error:
        raise EvidenceError(
            f"entry {row.seq} of the log was changed after it was written: a value has another type"
        ) from error


def _hash(*, seq: int, at: float, actor: str, kind: str, subject: str, body: str, previous: str) -> str:
    texts = [text.encode() for text in (actor, kind, subject, body, previous)]
    fields = (_LENGTH.pack(seq), _DOUBLE.pack(at), *texts)
    return hashlib.sha256(
        _DOMAIN + b"".join([part for field in fields for part in (_LENGTH.pack(len(field)), field)])
    ).hexdigest()


def _canonical(body: Mapping[str, object]) -> str:
    try:
        return json.dumps(dict(body), sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"a log entry's body must be JSON: {error}") from error


def _seconds(at: datetime) -> float:
    if at.tzinfo is None:
        raise StoreError(f"a log entry's time is {at.isoformat()}; expected one with a time zone")
    return at.timestamp()


def _entry(row: Mapping[Any, Any]) -> LogEntry:
    try:
        moment, body = datetime.fromtimestamp(row["at"], UTC), json.loads(row["body"])
    except (TypeError, ValueError, OverflowError, OSError, RecursionError) as error:
        raise EvidenceError(f"entry {row['seq']} of the log was changed: it cannot be read") from error
    return LogEntry(**{**row, "at": moment, "body": body})
