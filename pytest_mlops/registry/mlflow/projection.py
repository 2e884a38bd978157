"""Aliases on an MLflow server: ours are the truth, the server's are told, and looked at again.

MLflow moves an alias without asking where it pointed, and keeps neither who did nor when. So what a server
was last told is remembered here, and held against what it says now.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConflictError, HttpError, InvalidMetadata, MLOpsError, NotRegistered
from pytest_mlops.registry.aliases import AliasState, alias_state
from pytest_mlops.registry.mlflow import memory
from pytest_mlops.registry.mlflow.links import name_there, version_there
from pytest_mlops.registry.naming import check_alias
from pytest_mlops.registry.versions import get_version
from pytest_mlops.registry.write_lock import take_turn

if TYPE_CHECKING:
    from pytest_mlops.registry.mlflow.client import MlflowClient
    from pytest_mlops.registry.registry import Registry

__all__ = ["Finding", "State", "check_alias_there", "project", "reconcile"]

ATTEMPTS = 5
"""How often an alias may move here while it is projected."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_LIKE_A_VERSION = re.compile(r"[vV][0-9]+")


class State(StrEnum):
    """How an alias on a server compares with ours."""

    IN_STEP = "in_step"
    """It points where ours does."""
    BEHIND = "behind"
    """It points where it was told to, and ours has moved since."""
    MOVED = "moved"
    """Somebody else moved it there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """An alias of ours, and what it is on a server.

    Attributes:
        model_id: The model.
        alias: The alias.
        name: The registered model on the server.
        version_id: The version ours points to; ``None``: nowhere.
        revision: Of our alias.
        wanted: The server's version that stands for it; ``None`` where ours points nowhere, or none does.
        told: The server's version that it was last told; ``None``: none.
        found: The server's version that it pointed to when it was looked at; ``None``: nowhere.
        state: What that comes to, before anything was done about it.
        sentence: The same for people.
        done: Whether the server points where ours does now.
    """

    model_id: str
    alias: str
    name: str
    version_id: str | None
    revision: int
    wanted: str | None
    told: str | None
    found: str | None
    state: State
    sentence: str
    done: bool


def check_alias_there(alias: str) -> None:
    """Refuse an alias that MLflow cannot have: it keeps ``latest`` and what looks like a version for itself.

    Raises:
        InvalidMetadata: with what it may consist of.
    """
    check_alias(alias)
    if not _NAME.fullmatch(alias):
        raise InvalidMetadata(
            f"the alias {alias} cannot be one on MLflow; there it has letters, digits, '_' and '-' only"
        )
    if alias.lower() == "latest" or _LIKE_A_VERSION.fullmatch(alias):
        raise InvalidMetadata(
            f"the alias {alias} cannot be one on MLflow, which keeps 'latest' and names like v1 for itself; "
            "use another name here"
        )


def project(
    registry: Registry, client: MlflowClient, model_id: str, alias: str, *, restore: bool = False
) -> Finding:
    """Point an alias on the server to where ours points, and remember that it was told so.

    Args:
        registry: Ours, which is the truth.
        client: The server.
        model_id: The model.
        alias: The alias; where it was taken away here it is taken away there.
        restore: Do so even if somebody else moved it there.

    Raises:
        ConflictError: somebody else moved it there, or set it before we ever did.
        HttpError: the server cannot be reached or refuses.
        InvalidMetadata: MLflow cannot have an alias of this name.
        NotRegistered: the alias was never set here, or no version on the server stands for ours.
    """
    check_alias_there(alias)
    for _ in range(ATTEMPTS):
        finding = _look(registry, client, model_id, alias)
        if finding.state is State.MOVED:
            _log_move(registry, client, finding)
            if not restore:
                raise ConflictError(f"{finding.sentence}; with --restore, ours takes its place")
        if _tell(registry, client, finding):
            return replace(finding, done=True)
    raise ConflictError(f"{alias} of {model_id} kept moving here while it was projected; try again")


def reconcile(
    registry: Registry, client: MlflowClient, model_id: str | None = None, *, restore: bool = False
) -> tuple[Finding, ...]:
    """Hold every alias that was ever projected to the server against what it is there now.

    One that was moved there is written to the log, and nothing of it is ever taken over here.

    Args:
        registry: Ours, which is the truth.
        client: The server.
        model_id: Only of this model.
        restore: Project ours again wherever the server's is not in step.

    Returns:
        A finding for each, by model and alias.

    Raises:
        HttpError: the server cannot be reached.
    """
    with registry.store.read() as connection:
        told = memory.all_told(connection, client.server, model_id)
    return tuple(_reconcile_one(registry, client, one, restore=restore) for one in told)


def _reconcile_one(registry: Registry, client: MlflowClient, told: memory.Told, *, restore: bool) -> Finding:
    finding = _look(registry, client, told.model_id, told.alias)
    if finding.state is State.MOVED:
        _log_move(registry, client, finding)
    if finding.state is State.IN_STEP:
        return replace(finding, done=_tell(registry, client, finding))
    if not restore:
        return finding
    try:
        project(registry, client, told.model_id, told.alias, restore=True)
    except (ConflictError, HttpError, NotRegistered) as error:
        return replace(finding, sentence=f"{finding.sentence}; {error}")
    return replace(finding, done=True)


def _look(registry: Registry, client: MlflowClient, model_id: str, alias: str) -> Finding:
    """Read ours and the server's, and say how they compare."""
    with registry.store.read() as connection:
        state = alias_state(connection, model_id, alias)
        if state.revision == 0:
            raise NotRegistered(f"{model_id} never had an alias {alias}; set it here first")
        name = name_there(connection, model_id, client.server)
        told = memory.recall(connection, client.server, model_id, alias)
        wanted = None
        if state.version_id is not None:
            entry = get_version(connection, model_id, state.version_id)
            there = version_there(connection, entry, client.server)
            wanted = None if there is None else there[1]
    if name is None:
        raise NotRegistered(
            f"no version of {model_id} is known on {client.server}; export one, or import it from there"
        )
    try:
        found = client.model(name).version_of(alias)
    except NotRegistered:  # somebody deleted the model there, and its aliases with it
        found = None
    how = _compare(state, wanted=wanted, told=told, found=found)
    last = None if told is None else told.remote_version
    return Finding(
        model_id=model_id,
        alias=alias,
        name=name,
        version_id=state.version_id,
        revision=state.revision,
        wanted=wanted,
        told=last,
        found=found,
        state=how,
        sentence=_sentence(client.server, name, state, how, wanted=wanted, told=told, found=found),
        done=how is State.IN_STEP,
    )


def _compare(ours: AliasState, *, wanted: str | None, told: memory.Told | None, found: str | None) -> State:
    known = ours.version_id is None or wanted is not None
    if known and found == wanted:
        return State.IN_STEP
    last = None if told is None else told.remote_version
    return State.BEHIND if found == last else State.MOVED


def _sentence(
    server: str,
    name: str,
    ours: AliasState,
    how: State,
    *,
    wanted: str | None,
    told: memory.Told | None,
    found: str | None,
) -> str:
    points = f"{ours.alias} of {name} on {server} points {_to(found)}"
    here = "nowhere" if ours.version_id is None else f"to {ours.version_id}"
    if how is State.IN_STEP:
        return f"{points}, as it does here"
    unknown = ours.version_id is not None and wanted is None
    there = (
        "which is not there yet; export it"
        if unknown
        else f"which is {_to(wanted).removeprefix('to ')} there"
    )
    aside = f"here it points {here}" + ("" if ours.version_id is None else f", {there}")
    if how is State.BEHIND and told is None:
        return f"{ours.alias} of {name} on {server} was never set: {aside}"
    if how is State.BEHIND:
        return f"{points}, and has moved here since: {aside}"
    if told is None:
        return f"{points}, and never by us: {aside}"
    return f"{points}; we told it to point {_to(told.remote_version)}, so somebody else moved it: {aside}"


def _to(version: str | None) -> str:
    return "nowhere" if version is None else f"to version {version}"


def _tell(registry: Registry, client: MlflowClient, finding: Finding) -> bool:
    """Bring the server into step and remember it; ``False`` where our alias moved meanwhile."""
    if finding.state is not State.IN_STEP:
        if finding.version_id is None:
            client.delete_alias(finding.name, finding.alias)
        elif finding.wanted is None:
            raise NotRegistered(
                f"{finding.model_id} {finding.version_id} is not on {client.server} yet; export it first"
            )
        else:
            client.set_alias(finding.name, finding.alias, finding.wanted)
    at = registry.clock()
    with registry.store.write() as connection:
        take_turn(connection)
        now = alias_state(connection, finding.model_id, finding.alias)
        # Said even if ours has moved on: it is what the server was told.
        memory.remember(
            connection,
            memory.Told(
                server=client.server,
                model_id=finding.model_id,
                alias=finding.alias,
                version_id=finding.version_id,
                remote_version=finding.wanted,
                revision=finding.revision,
            ),
            name=finding.name,
            found=finding.found,
            actor=registry.actor,
            at=at,
        )
    return now.revision == finding.revision


def _log_move(registry: Registry, client: MlflowClient, finding: Finding) -> None:
    """Write to the log that somebody else moved an alias there, once for each move."""
    body: dict[str, object] = {
        "server": client.server,
        "name": finding.name,
        "told": finding.told,
        "found": finding.found,
        "registered_by": _registered_by(client, finding),
    }
    with registry.store.write() as connection:
        take_turn(connection)
        memory.log_once(
            connection, finding.model_id, finding.alias, body, actor=registry.actor, at=registry.clock()
        )


def _registered_by(client: MlflowClient, finding: Finding) -> str | None:
    """Return who registered the version that it points to now: all that MLflow knows of anybody."""
    if finding.found is None:
        return None
    try:
        return client.version(finding.name, finding.found).user_id or None
    except MLOpsError:
        return None
