"""Aliases on an MLflow server as projections of ours, which are the truth.

MLflow moves an alias without asking where it pointed, and keeps neither who did nor when. So the last
projection is kept here and compared with the server's alias of today.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConflictError, HttpError, InvalidMetadata, MLOpsError, NotRegistered
from pytest_mlops.registry.aliases import AliasState, alias_state
from pytest_mlops.registry.mlflow import projected
from pytest_mlops.registry.mlflow.links import name_there, version_there
from pytest_mlops.registry.naming import check_alias
from pytest_mlops.registry.versions import get_version
from pytest_mlops.store.log import take_write_lock

if TYPE_CHECKING:
    from pytest_mlops.registry.mlflow.client import MlflowClient
    from pytest_mlops.registry.mlflow.projected import ProjectedAlias
    from pytest_mlops.registry.registry import Registry

__all__ = ["AliasComparison", "SyncState", "check_remote_alias", "project", "reconcile"]

ATTEMPTS = 5
"""How often an alias may move here while it is projected."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_LIKE_A_VERSION = re.compile(r"[vV][0-9]+")


class SyncState(StrEnum):
    """How an alias on a server compares with ours."""

    IN_STEP = "in_step"
    """It points where ours does."""
    BEHIND = "behind"
    """It points where it was projected to, and ours has moved since."""
    MOVED = "moved"
    """Another client moved it there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AliasComparison:
    """An alias of ours, and what it is on a server.

    Attributes:
        model_id: The model.
        alias: The alias.
        name: The registered model on the server.
        version_id: The version ours points to; ``None``: nowhere.
        revision: Of our alias.
        expected: The server's version that stands for it; ``None`` where ours points nowhere, or none does.
        projected: The server's version that was last projected; ``None``: none.
        found: The server's version that it pointed to when it was read; ``None``: nowhere.
        state: How the two compare, before anything was done about it.
        message: The same for people.
        done: Whether the server points where ours does now.
    """

    model_id: str
    alias: str
    name: str
    version_id: str | None
    revision: int
    expected: str | None
    projected: str | None
    found: str | None
    state: SyncState
    message: str
    done: bool


def check_remote_alias(alias: str) -> None:
    """Refuse an alias that MLflow cannot have: it reserves ``latest`` and names like v1.

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
) -> AliasComparison:
    """Point an alias on the server to where ours points, and record the projection.

    Args:
        registry: Ours, which is the truth.
        client: The server.
        model_id: The model.
        alias: The alias; where it was taken away here it is taken away there.
        restore: Do so even if another client moved it there.

    Raises:
        ConflictError: another client moved it there, or set it first.
        HttpError: the server cannot be reached or refuses.
        InvalidMetadata: MLflow cannot have an alias of this name.
        NotRegistered: the alias was never set here, or no version on the server stands for ours.
    """
    check_remote_alias(alias)
    for _ in range(ATTEMPTS):
        compared = _compare_with_server(registry, client, model_id, alias)
        if compared.state is SyncState.MOVED:
            _log_move(registry, client, compared)
            if not restore:
                raise ConflictError(
                    f"{compared.message}; --restore overwrites it with the alias of this registry"
                )
        if _push(registry, client, compared):
            return replace(compared, done=True)
    raise ConflictError(f"{alias} of {model_id} kept moving here while it was projected; try again")


def reconcile(
    registry: Registry, client: MlflowClient, model_id: str | None = None, *, restore: bool = False
) -> tuple[AliasComparison, ...]:
    """Compare every alias that was ever projected to the server with the server's alias of today.

    An alias that was moved there is logged; ours never follows it.

    Args:
        registry: Ours, which is the truth.
        client: The server.
        model_id: Only of this model.
        restore: Project ours again wherever the server's is not in step.

    Returns:
        A comparison for each, by model and alias.

    Raises:
        HttpError: the server cannot be reached.
    """
    with registry.store.read() as connection:
        known = projected.projected_aliases(connection, client.server, model_id)
    return tuple(_reconcile_one(registry, client, one, restore=restore) for one in known)


def _reconcile_one(
    registry: Registry, client: MlflowClient, known: ProjectedAlias, *, restore: bool
) -> AliasComparison:
    compared = _compare_with_server(registry, client, known.model_id, known.alias)
    if compared.state is SyncState.MOVED:
        _log_move(registry, client, compared)
    if compared.state is SyncState.IN_STEP:
        return replace(compared, done=_push(registry, client, compared))
    if not restore:
        return compared
    try:
        project(registry, client, known.model_id, known.alias, restore=True)
    except (ConflictError, HttpError, NotRegistered) as error:
        return replace(compared, message=f"{compared.message}; {error}")
    return replace(compared, done=True)


def _compare_with_server(
    registry: Registry, client: MlflowClient, model_id: str, alias: str
) -> AliasComparison:
    """Compare our alias with the server's."""
    with registry.store.read() as connection:
        state = alias_state(connection, model_id, alias)
        if state.revision == 0:
            raise NotRegistered(f"{model_id} never had an alias {alias}; set it here first")
        name = name_there(connection, model_id, client.server)
        last = projected.projected_alias(connection, client.server, model_id, alias)
        expected = None
        if state.version_id is not None:
            entry = get_version(connection, model_id, state.version_id)
            there = version_there(connection, entry, client.server)
            expected = None if there is None else there[1]
    if name is None:
        raise NotRegistered(
            f"no version of {model_id} is known on {client.server}; export one, or import it from there"
        )
    try:
        found = client.model(name).version_of(alias)
    except NotRegistered:  # the model was deleted there, and its aliases with it
        found = None
    how = _compare(state, expected=expected, last=last, found=found)
    return AliasComparison(
        model_id=model_id,
        alias=alias,
        name=name,
        version_id=state.version_id,
        revision=state.revision,
        expected=expected,
        projected=None if last is None else last.remote_version,
        found=found,
        state=how,
        message=_describe(client.server, name, state, how, expected=expected, last=last, found=found),
        done=how is SyncState.IN_STEP,
    )


def _compare(
    ours: AliasState, *, expected: str | None, last: ProjectedAlias | None, found: str | None
) -> SyncState:
    known = ours.version_id is None or expected is not None
    if known and found == expected:
        return SyncState.IN_STEP
    projected_to = None if last is None else last.remote_version
    return SyncState.BEHIND if found == projected_to else SyncState.MOVED


def _describe(
    server: str,
    name: str,
    ours: AliasState,
    how: SyncState,
    *,
    expected: str | None,
    last: ProjectedAlias | None,
    found: str | None,
) -> str:
    points = f"{ours.alias} of {name} on {server} points {_to(found)}"
    here = "nowhere" if ours.version_id is None else f"to {ours.version_id}"
    if how is SyncState.IN_STEP:
        return f"{points}, as it does here"
    unknown = ours.version_id is not None and expected is None
    there = (
        "which is not there yet; export it"
        if unknown
        else f"which is {_to(expected).removeprefix('to ')} there"
    )
    aside = f"here it points {here}" + ("" if ours.version_id is None else f", {there}")
    if how is SyncState.BEHIND and last is None:
        return f"{ours.alias} of {name} on {server} was never set: {aside}"
    if how is SyncState.BEHIND:
        return f"{points}, and has moved here since: {aside}"
    if last is None:
        return f"{points}, and was never projected: {aside}"
    return f"{points}; it was projected {_to(last.remote_version)}, so another client moved it: {aside}"


def _to(version: str | None) -> str:
    return "nowhere" if version is None else f"to version {version}"


def _push(registry: Registry, client: MlflowClient, compared: AliasComparison) -> bool:
    """Project our alias and record it; return ``False`` where our alias moved meanwhile."""
    if compared.state is not SyncState.IN_STEP:
        if compared.version_id is None:
            client.delete_alias(compared.name, compared.alias)
        elif compared.expected is None:
            raise NotRegistered(
                f"{compared.model_id} {compared.version_id} is not on {client.server} yet; export it first"
            )
        else:
            client.set_alias(compared.name, compared.alias, compared.expected)
    at = registry.clock()
    with registry.store.write() as connection:
        take_write_lock(connection)
        now = alias_state(connection, compared.model_id, compared.alias)
        # Recorded even if ours has moved since: the server has this one.
        projected.record_projection(
            connection,
            projected.ProjectedAlias(
                server=client.server,
                model_id=compared.model_id,
                alias=compared.alias,
                version_id=compared.version_id,
                remote_version=compared.expected,
                revision=compared.revision,
            ),
            name=compared.name,
            found=compared.found,
            actor=registry.actor,
            at=at,
        )
    return now.revision == compared.revision


def _log_move(registry: Registry, client: MlflowClient, compared: AliasComparison) -> None:
    """Log that another client moved an alias there, once for each move."""
    body: dict[str, object] = {
        "server": client.server,
        "name": compared.name,
        "told": compared.projected,
        "found": compared.found,
        "registered_by": _registered_by(client, compared),
    }
    with registry.store.write() as connection:
        take_write_lock(connection)
        projected.log_move(
            connection, compared.model_id, compared.alias, body, actor=registry.actor, at=registry.clock()
        )


def _registered_by(client: MlflowClient, compared: AliasComparison) -> str | None:
    """Return who registered the version that it points to now: all that MLflow records."""
    if compared.found is None:
        return None
    try:
        return client.version(compared.name, compared.found).user_id or None
    except MLOpsError:
        return None
