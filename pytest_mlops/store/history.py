"""History: the results of recorded runs."""

from __future__ import annotations

import hashlib
import math
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, insert, or_, select, union

from pytest_mlops.errors import ConflictError, EvidenceError, NotRegistered, SerializationError, StoreError
from pytest_mlops.records.codec import MAX_RECORD_BYTES, dump, load_integration_result
from pytest_mlops.store.limits import require_fit
from pytest_mlops.store.log import append, take_write_lock
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import alias_moves, aliases, integration_results, model_versions, pins
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.store.engine import Store

__all__ = [
    "AHEAD",
    "KEEP",
    "HistoryEntry",
    "HistoryPage",
    "get_result",
    "later_failure",
    "list_results",
    "read_result",
    "record_result",
]

KEEP = 1000
"""``max_history_size``: results kept of each model, beside those that something relies on."""

AHEAD = timedelta(minutes=5)
"""How far a record's clock may be ahead of ours; evidence of the future would outrank all that follows."""

_RESULTS = integration_results.c
_LATER_FAIL = Prepared(
    select(_RESULTS.run_id)
    .where(
        _RESULTS.model_id == bindparam("model_id"),
        _RESULTS.timestamp > bindparam("ended"),
        _RESULTS.digest == bindparam("digest"),
        _RESULTS.verdict == bindparam("failed"),
    )
    .order_by(_RESULTS.timestamp.desc())
    .limit(1)
)
_SUMMARY = [column for column in _RESULTS if column.name not in {"id", "record"}]


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """A run in the history, without its record.

    Attributes:
        run_id: The run.
        model_id: The model; ``None`` where the run named none.
        version: The model's version.
        digest: SHA-256 of the model's files.
        verdict: ``pass``, ``waived``, ``undecided``, ``fail`` or ``incomplete``.
        decision: ``allow`` or ``block``.
        context: ``local``, ``pull_request`` or ``release``.
        coverage: Share of the declared behaviour that was tested, 0..1.
        pass_rate: Share of tests passed, 0..1.
        quality_score: 0..1.
        duration: Seconds.
        timestamp: When the run ended, UTC.
        record_digest: SHA-256 of the record's JSON.
    """

    run_id: str
    model_id: str | None
    version: str | None
    digest: str | None
    verdict: str
    decision: str
    context: str
    coverage: float | None
    pass_rate: float | None
    quality_score: float | None
    duration: float
    timestamp: datetime
    record_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryPage:
    """Some entries of the history, newest first.

    Attributes:
        entries: Those of this page.
        cursor: Pass it to get the next page; ``None`` on the last.
    """

    entries: tuple[HistoryEntry, ...]
    cursor: str | None


def record_result(
    store: Store,
    record: IntegrationResult,
    *,
    actor: str,
    keep: int | None = KEEP,
    max_age: timedelta | None = None,
    at: datetime | None = None,
) -> HistoryEntry:
    """Keep the record of a run; to do it again changes nothing.

    Results of the model beyond the newest ``keep`` or older than ``max_age`` are removed, except the evidence
    of a version that is pinned or that an alias points to, and the run that the last move of an alias names.

    Args:
        store: Where.
        record: The run's record.
        actor: Who records it.
        keep: Results to keep of the model, 1 or more; ``None`` for any number.
        max_age: Age at which they go; ``None`` for any.
        at: Now, with a time zone; ``None`` to ask the clock.

    Raises:
        ConflictError: another record of the same run is there.
        EvidenceError: the record is dated in the future.
        StoreError: a name in the record is too long, ``keep`` is less than 1, or the database failed.
    """
    if keep is not None and keep < 1:
        raise StoreError(f"keep is {keep}; expected at least 1")
    now = datetime.now(UTC) if at is None else at
    if record.timestamp > now + AHEAD:
        raise EvidenceError(
            f"run {record.run_id} is dated {record.timestamp.isoformat()}, but now is {now.isoformat()}; "
            "set the clock of the machine that measured, and run the gate again"
        )
    row = _row(record)
    require_fit(integration_results, row)
    with store.write() as connection:
        take_write_lock(connection)
        known = connection.execute(
            select(_RESULTS.record_digest).where(_RESULTS.run_id == record.run_id)
        ).scalar()
        if known is None:
            connection.execute(insert(integration_results), row)
            pruned = _prune(connection, row["model_id"], keep=keep, oldest=_oldest(now, max_age))
            _log(connection, row, pruned, actor=actor, at=now)
        elif known != row["record_digest"]:
            raise ConflictError(
                f"another record of run {record.run_id} is in the store, with the digest {known}; "
                f"this one has {row['record_digest']}"
            )
    return _entry({column.name: row[column.name] for column in _SUMMARY})


def get_result(store: Store, run_id: str) -> IntegrationResult:
    """Return the record of a run.

    Raises:
        NotRegistered: there is none.
        EvidenceError: it is not what was recorded.
        StoreError: the database failed.
    """
    with store.read() as connection:
        return read_result(connection, run_id)


def later_failure(connection: Connection, *, model_id: str, digest: str | None, after: float) -> str | None:
    """Return the last run of these bytes that ended in FAIL after a moment; ``None`` if there is none.

    Args:
        connection: Any connection.
        model_id: The model.
        digest: Of its bytes.
        after: Seconds since the epoch.
    """
    values = {"model_id": model_id, "digest": digest, "ended": after, "failed": Verdict.FAIL.value}
    row = _LATER_FAIL.run(connection, values).first()
    return None if row is None else str(row.run_id)


def read_result(connection: Connection, run_id: str) -> IntegrationResult:
    """Return the record of a run within a transaction; see :func:`get_result`."""
    query = select(_RESULTS.record, _RESULTS.record_digest).where(_RESULTS.run_id == run_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotRegistered(f"the history has no run {run_id!r}; it was never recorded, or has been pruned")
    text = _unpack(row.record, run_id)
    if hashlib.sha256(text).hexdigest() != row.record_digest:
        raise EvidenceError(f"the record of run {run_id} in the store was changed after it was recorded")
    try:
        return load_integration_result(text)
    except SerializationError as error:
        raise EvidenceError(f"the record of run {run_id} in the store: {error}") from error


def list_results(
    store: Store,
    *,
    model_id: str | None = None,
    verdict: Verdict | None = None,
    since: datetime | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> HistoryPage:
    """Return a page of the history, newest first.

    Args:
        store: Where.
        model_id: Only runs of this model.
        verdict: Only runs with this verdict.
        since: Only runs that ended then or later; with a time zone.
        limit: Entries a page, 1 or more.
        cursor: From the page before; ``None`` for the first.

    Raises:
        StoreError: ``limit`` is less than 1, the cursor is invalid, or the database failed.
    """
    if limit < 1:
        raise StoreError(f"limit is {limit}; expected at least 1")
    conditions: list[ColumnElement[bool]] = []
    if model_id is not None:
        conditions.append(_RESULTS.model_id == model_id)
    if verdict is not None:
        conditions.append(_RESULTS.verdict == verdict.value)
    if since is not None:
        conditions.append(_RESULTS.timestamp >= since.timestamp())
    if cursor is not None:
        conditions.append(_before(*_read_cursor(cursor)))
    query = (
        select(_RESULTS.id, *_SUMMARY)
        .where(*conditions)
        .order_by(_RESULTS.timestamp.desc(), _RESULTS.id.desc())
        .limit(limit + 1)
    )
    with store.read() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    last = rows[limit - 1] if len(rows) > limit else None
    return HistoryPage(
        entries=tuple(_entry(row) for row in rows[:limit]),
        cursor=None if last is None else f"{last['timestamp']!r}:{last['id']}",
    )


def _row(record: IntegrationResult) -> dict[str, Any]:
    text = dump(record).encode()
    model = record.model_version
    return {
        "run_id": record.run_id,
        "model_id": None if model is None else model.model_id,
        "version": None if model is None else model.version_id,
        "digest": None if model is None else model.digest,
        "verdict": record.verdict.value,
        "decision": record.decision.value,
        "context": record.context.value,
        "coverage": record.coverage,
        "pass_rate": record.pass_rate,
        "quality_score": record.quality_score,
        "duration": record.duration,
        "timestamp": record.timestamp.timestamp(),
        "record_digest": hashlib.sha256(text).hexdigest(),
        "record": zlib.compress(text),
    }


def _entry(row: dict[str, Any]) -> HistoryEntry:
    values = {name: value for name, value in row.items() if name != "id"}
    return HistoryEntry(**{**values, "timestamp": datetime.fromtimestamp(row["timestamp"], UTC)})


def _log(connection: Connection, row: dict[str, Any], pruned: list[str], *, actor: str, at: datetime) -> None:
    logged = ("model_id", "version", "digest", "verdict", "decision", "context", "record_digest")
    body = {name: row[name] for name in logged} | {"pruned": pruned}
    append(connection, kind="result", subject=row["run_id"], body=body, actor=actor, at=at)


def _unpack(packed: bytes, run_id: str) -> bytes:
    """Decompress a record up to the largest size that is read."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MAX_RECORD_BYTES + 1)
    except zlib.error as error:
        raise EvidenceError(
            f"the record of run {run_id} in the store cannot be decompressed: {error}"
        ) from error
    return text


def _oldest(now: datetime, max_age: timedelta | None) -> float:
    return -math.inf if max_age is None else (now - max_age).timestamp()


def _prune(connection: Connection, model_id: str | None, *, keep: int | None, oldest: float) -> list[str]:
    """Delete a model's results beyond the limits; return their runs."""
    of_model = _RESULTS.model_id == model_id  # IS NULL where there is none
    first_beyond = None
    if keep is not None:
        first_beyond = connection.execute(
            select(_RESULTS.timestamp, _RESULTS.id)
            .where(of_model)
            .order_by(_RESULTS.timestamp.desc(), _RESULTS.id.desc())
            .offset(keep)
            .limit(1)
        ).one_or_none()
    beyond = [] if first_beyond is None else [_before(first_beyond.timestamp, first_beyond.id + 1)]
    too_old = [] if oldest == -math.inf else [_RESULTS.timestamp < oldest]
    if not beyond and not too_old:
        return []
    relied_on = _RESULTS.run_id.in_(_relied_on())
    query = delete(integration_results).where(of_model, or_(*beyond, *too_old), ~relied_on)
    return sorted(connection.execute(query.returning(_RESULTS.run_id)).scalars())


def _relied_on() -> Any:
    """Select the runs that are evidence for the versions that aliases and pins point to."""
    same_version = and_(
        aliases.c.model_id == model_versions.c.model_id, aliases.c.version == model_versions.c.version
    )
    pinned = and_(pins.c.model_id == model_versions.c.model_id, pins.c.version == model_versions.c.version)
    last_move = and_(
        aliases.c.model_id == alias_moves.c.model_id,
        aliases.c.alias == alias_moves.c.alias,
        aliases.c.revision == alias_moves.c.revision,
    )
    of_versions = model_versions.c.run_id.is_not(None)
    return union(
        select(model_versions.c.run_id).join(aliases, same_version).where(of_versions),
        select(model_versions.c.run_id).join(pins, pinned).where(of_versions),
        select(alias_moves.c.evidence)
        .join(aliases, last_move)
        .where(alias_moves.c.evidence.is_not(None), aliases.c.version.is_not(None)),
    )


def _before(timestamp: float, number: int) -> ColumnElement[bool]:
    """Select what comes after (timestamp, number) in a list with the newest first."""
    return or_(_RESULTS.timestamp < timestamp, and_(_RESULTS.timestamp == timestamp, _RESULTS.id < number))


def _read_cursor(cursor: str) -> tuple[float, int]:
    timestamp, _, number = cursor.rpartition(":")
    try:
        moment, row = float(timestamp), int(number)
        if not math.isfinite(moment) or abs(row) >= 2**63:
            raise ValueError
    except ValueError:
        raise StoreError(
            f"the cursor is {cursor!r:.80}; expected the cursor of the previous page, or none"
        ) from None
    return moment, row
