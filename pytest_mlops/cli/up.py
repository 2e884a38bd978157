"""``up`` and ``down``: the processes of an environment on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from pytest_mlops.cli.options import (
    ConfigPath,
    EnvironmentName,
    Store,
)

__all__ = ["down", "up"]


def up(
    *,
    environment: EnvironmentName = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Supervise in this process, as a service manager needs it.")
    ] = False,
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Start an environment: its supervisor, its gateway, and the replicas of the version that serves.

    The supervisor outlives this command; starting what runs changes nothing. With --foreground, Ctrl-C stops
    the environment, and SIGTERM ends the supervisor alone.
    """
    from pytest_mlops.operations.processes import supervise
    from pytest_mlops.operations.processes import up as start
    from pytest_mlops.operations.project import find_environment

    where = find_environment(environment, config=config, store=store)
    if foreground:
        supervise(where)
        return
    found = start(where)
    state = "is up" if found.started else "was up already"
    typer.echo(f"{where.environment.name} {state} at {found.url}")


def down(
    *,
    environment: EnvironmentName = None,
    grace: Annotated[
        float,
        typer.Option(min=0, max=3600, help="Seconds that processes have to end before they are killed."),
    ] = 10.0,
    config: ConfigPath = None,
) -> None:
    """Stop an environment: end its gateway, replicas and supervisor. `up` starts the same versions again."""
    from pytest_mlops.operations.processes import down as stop
    from pytest_mlops.operations.project import find_environment

    where = find_environment(environment, config=config)
    stopped = stop(where, grace=grace)
    names = ", ".join(f"{marker} (process {pid})" for marker, pid in stopped.processes)
    if not stopped.supervisor and not names:
        typer.echo(f"{where.environment.name} was down already")
    else:
        typer.echo(f"{where.environment.name} is down; ended: {names or 'the supervisor only'}")
