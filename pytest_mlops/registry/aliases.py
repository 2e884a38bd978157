"""Aliases, moved by compare-and-set with a full history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select

from pytest_mlops.errors import ConflictError, InvalidMetadata, NotRegistered
from pytest_mlops.registry import proof
from pytest_mlops.registry.entries import AliasMove, AliasPage, Revision
from pytest_mlops.registry.naming import check_alias, check_name
from pytest_mlops.registry.versions import MOST, get_version
from pytest_mlops.store.limits import require_fit
from pytest_mlops.store.log import append, take_write_lock
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import alias_moves, aliases, model_versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["AliasState", "alias_history", "alias_state", "aliases_of", "move_alias"]

_aliases, _moves, _versions = aliases.c, alias_moves.c, model_versions.c
_MINE = (_aliases.model_id == bindparam("model_id")) & (_aliases.alias == bindparam("alias"))

_STATE = Prepared(select(_aliases.version, _aliases.revision).where(_MINE))
_TARGET = Prepared(
    select(_versions.digest, _versions.run_id, _versions.verdict).where(
        _versions.model_id == bindparam("model_id"), _versions.version == bindparam("version")
    )
)
_INSERT = Prepared(aliases.insert(), columns=aliases.c.keys())
_UPDATE = Prepared(
    aliases.update()
    .where(_MINE)
    .values(
        version=bindparam("new_version"),
        revision=bindparam("new_revision"),
        updated_at=bindparam("new_updated_at"),
    )
)
# In the order of AliasMove's fields.
_MOVE_COLUMNS = (
    "model_id",
    "alias",
    "revision",
    "previous",
    "version",
    "moved_at",
    "moved_by",
    "reason",
    "evidence",
)
_INSERT_MOVE = Prepared(alias_moves.insert(), columns=_MOVE_COLUMNS)
_SELECT_MOVES = select(*(_moves[name] for name in _MOVE_COLUMNS)).where(
    _moves.model_id == bindparam("model_id"), _moves.alias == bindparam("alias")
)
_MOVE = Prepared(_SELECT_MOVES.where(_moves.revision == bindparam("revision")))
_HISTORY = Prepared(
    _SELECT_MOVES.where(_moves.revision < bindparam("before"))
    .order_by(_moves.revision.desc())
    .limit(bindparam("count"))
)
_FIRST_PAGE = 2**31 - 1


class AliasState(NamedTuple):
    """Where an alias points, and how often it has moved."""

    alias: str
    version_id: str | None
    revision: int


def move_alias(
    connection: Connection,
    model_id: str,
    alias: str,
    to: str | None,
    *,
    expected: str | Revision | None,
    reason: str,
    run_id: str | None = None,
    require_pass: bool = False,
    actor: str,
    at: datetime,
) -> AliasMove:
    """Point an alias to a version, provided that it points where the caller believes.

    Args:
        connection: A write transaction.
        model_id: The model.
        alias: The alias; the first move makes it.
        to: A registered version; ``None`` takes the alias away, and its history stays.
        expected: The version it points to now, ``None`` for none, or its revision.
        reason: Why; it is kept.
        run_id: The recorded run that the move rests on; for a version, a run of its bytes.
        require_pass: Refuse a version whose evidence is not an allowed and deployable PASS, or a waived one;
            was made by an untrusted pull request; or is outranked by a later FAIL of the same bytes.
        actor: Who.
        at: When.

    Returns:
        The move, with its revision.

    Raises:
        ConflictError: it points elsewhere; the message has since when and by whom.
        NotRegistered: there is no such version; the message has the nearest.
        EvidenceError: the run is not recorded, was of another model or bytes, or does not suffice.
        InvalidMetadata: no alias can be called that, or there is no reason.
    """
    check_name("model id", model_id)
    check_alias(alias)
    if not reason.strip():
        raise InvalidMetadata(f"a move of {alias} needs a reason; pass one")
    take_write_lock(connection)
    state = alias_state(connection, model_id, alias)
    _compare(connection, model_id, state, expected)
    if to is None:
        if run_id is not None:
            proof.require_recorded(connection, run_id)
    else:
        _check_target(connection, model_id, to, run_id=run_id, require_pass=require_pass)
    move = AliasMove(
        model_id, alias, state.revision + 1, state.version_id, to, at.timestamp(), actor, reason, run_id
    )
    _write(connection, move, at)
    return move


def alias_state(connection: Connection, model_id: str, alias: str) -> AliasState:
    """Return where an alias points now; one that was never set has revision 0."""
    row = _STATE.run(connection, {"model_id": model_id, "alias": alias}).first()
    return AliasState(alias, None, 0) if row is None else AliasState(alias, row.version, row.revision)


def aliases_of(connection: Connection, model_id: str) -> tuple[AliasState, ...]:
    """Return the aliases of a model that point somewhere, by name."""
    rows = connection.execute(
        select(_aliases.alias, _aliases.version, _aliases.revision)
        .where(_aliases.model_id == model_id, _aliases.version.is_not(None))
        .order_by(_aliases.alias)
    )
    return tuple(AliasState(*row) for row in rows)


def alias_history(
    connection: Connection, model_id: str, alias: str, *, cursor: int | None = None, limit: int = 100
) -> AliasPage:
    """Return the moves of an alias, newest first.

    Args:
        connection: Any connection.
        model_id: The model.
        alias: The alias.
        cursor: Of the page before.
        limit: Moves of a page, 1 to 10,000.

    Raises:
        NotRegistered: the alias was never set.
    """
    if not 1 <= limit <= MOST:
        raise ValueError(f"limit is {limit}; expected 1 to {MOST:,}")
    values = {"model_id": model_id, "alias": alias, "before": cursor or _FIRST_PAGE, "count": limit + 1}
    moves = tuple(map(AliasMove._make, _HISTORY.run(connection, values)))
    if not moves and cursor is None:
        raise NotRegistered(f"{model_id} never had an alias {alias}")
    return AliasPage(moves=moves[:limit], cursor=moves[limit - 1].revision if len(moves) > limit else None)


def _compare(
    connection: Connection, model_id: str, state: AliasState, expected: str | Revision | None
) -> None:
    if isinstance(expected, Revision):
        if state.revision == expected.number:
            return
        required = f"revision {expected.number}"
    else:
        if state.version_id == expected:
            return
        required = "none yet" if expected is None else expected
    points = "nowhere" if state.version_id is None else f"to {state.version_id}"
    raise ConflictError(
        f"{state.alias} of {model_id} points {points} (revision {state.revision}), expected {required}; "
        f"{_last_move(connection, model_id, state)}"
    )


def _last_move(connection: Connection, model_id: str, state: AliasState) -> str:
    values = {"model_id": model_id, "alias": state.alias, "revision": state.revision}
    row = _MOVE.run(connection, values).first()
    if row is None:
        return "it was never set"
    move = AliasMove._make(row)
    when = datetime.fromtimestamp(move.moved, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    what = "took it away" if move.version_id is None else f"moved it to {move.version_id}"
    return f"{move.moved_by} {what} at {when}: {move.reason}"


def _check_target(
    connection: Connection, model_id: str, version_id: str, *, run_id: str | None, require_pass: bool
) -> None:
    row = _TARGET.run(connection, {"model_id": model_id, "version": version_id}).first()
    if row is None:
        get_version(connection, model_id, version_id)  # raises, with the nearest name
        raise AssertionError("a version appeared within this transaction")
    if require_pass:
        proof.require_pass(
            connection,
            model_id,
            version_id,
            digest=row.digest,
            own=row.run_id,
            verdict=row.verdict,
            run_id=run_id,
        )
    elif run_id is not None:
        proof.look_up(connection, run_id, model_id=model_id, digest=row.digest)


def _write(connection: Connection, move: AliasMove, at: datetime) -> None:
    if move.revision == 1:
        _INSERT.run(
            connection,
            {
                "model_id": move.model_id,
                "alias": move.alias,
                "version": move.version_id,
                "revision": 1,
                "updated_at": move.moved,
            },
        )
    else:
        _UPDATE.run(
            connection,
            {
                "model_id": move.model_id,
                "alias": move.alias,
                "new_version": move.version_id,
                "new_revision": move.revision,
                "new_updated_at": move.moved,
            },
        )
    row = dict(zip(_MOVE_COLUMNS, move, strict=True))
    require_fit(alias_moves, row)
    _INSERT_MOVE.run(connection, row)
    append(
        connection,
        kind="alias",
        subject=f"{move.model_id}@{move.alias}",
        body={
            "revision": move.revision,
            "previous": move.previous,
            "version": move.version_id,
            "reason": move.reason,
            "run_id": move.run_id,
        },
        actor=move.moved_by,
        at=at,
    )
