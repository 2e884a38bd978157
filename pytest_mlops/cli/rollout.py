"""``promote``, ``pause``, ``resume``, ``abort`` and ``rollback``: what a person says to a deployment."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pytest_mlops.cli.deployments import ConfigPath, EnvironmentName, find_place, manager_of, store_of
from pytest_mlops.cli.registry_common import AsJson, Store  # noqa: TC001 -- typer reads the annotations
from pytest_mlops.errors import NotRegistered

__all__ = ["abort", "pause", "promote", "resume", "rollback"]

Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the log.")]


def promote(
    *,
    environment: EnvironmentName = None,
    reason: Reason = "",
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Lead all the traffic to the version that is being rolled out, whatever the judge says so far."""
    _say("promote", environment=environment, reason=reason, config=config, store=store)


def pause(
    *,
    environment: EnvironmentName = None,
    reason: Reason = "",
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Leave the traffic as it is; the version is taken back all the same where it does harm."""
    _say("pause", environment=environment, reason=reason, config=config, store=store)


def resume(
    *,
    environment: EnvironmentName = None,
    reason: Reason = "",
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Go on with a rollout that was paused."""
    _say("resume", environment=environment, reason=reason, config=config, store=store)


def abort(
    *,
    environment: EnvironmentName = None,
    reason: Reason = "",
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Take back the version that is being deployed; the one before serves on."""
    _say("abort", environment=environment, reason=reason, config=config, store=store)


def rollback(
    *,
    environment: EnvironmentName = None,
    to: Annotated[
        str | None,
        typer.Option(help="A version that served before, or its deployment; by default the last that may."),
    ] = None,
    config: ConfigPath = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Go back to the newest version that served before, whose ticket holds and which answers as it has to.

    Exits with 0 if it serves, 5 if no version's evidence holds, and 4 if there is none.
    """
    from pytest_mlops.cli.deploy import finish

    place = find_place(environment, config)
    with store_of(place, store) as opened:
        finish(manager_of(opened, place, store_url=store).rollback(to=to), as_json=as_json)


def _say(control: str, *, environment: str | None, reason: str, config: object, store: str | None) -> None:
    from pathlib import Path

    from pytest_mlops.state.controls import Control, ask
    from pytest_mlops.state.rows import unfinished
    from pytest_mlops.store.log import default_actor

    place = find_place(environment, config if isinstance(config, Path) else None)
    name = place.environment.environment_id
    with store_of(place, store) as opened, opened.write() as connection:
        row = unfinished(connection, name)
        if row is None:
            raise NotRegistered(f"nothing is being deployed to {name}; pytest-mlops status shows what serves")
        ask(
            connection,
            environment=name,
            deployment_id=row.plan.deployment_id,
            control=Control(control),
            actor=default_actor(),
            reason=reason,
            at=datetime.now(UTC),
        )
    typer.echo(f"{control} was asked of {row.plan.deployment_id} ({row.plan.version})")
