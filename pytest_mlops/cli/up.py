"""``up`` and ``down``: the processes of an environment on this machine."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli.deployments import ConfigPath, EnvironmentName, absolute_url, find_place, store_of
from pytest_mlops.cli.registry_common import Store  # noqa: TC001 -- typer reads the annotations

if TYPE_CHECKING:
    from pytest_mlops.cli.deployments import Place
    from pytest_mlops.records.environment import DeploymentEnvironment

__all__ = ["down", "up"]


def up(
    *,
    environment: EnvironmentName = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Supervise in this process, as a service manager wants it.")
    ] = False,
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Bring an environment up: a supervisor, the gateway, and the replicas of what serves.

    The supervisor goes on when this command has ended; bringing up what is up changes nothing. With
    --foreground, Ctrl-C takes the environment down, and SIGTERM ends the supervisor alone.
    """
    from pytest_mlops.operations.local import supervisor_command
    from pytest_mlops.serving.ports import require_free
    from pytest_mlops.serving.supervisor.lifecycle import bring_up, gateway_url, is_up

    place = find_place(environment, config)
    if foreground:
        _supervise(place, store)
        return
    if not is_up(place.layout) and gateway_url(place.layout) is None:
        require_free(place.environment.gateway.host, place.environment.gateway.port)
    with store_of(place, store, new=True):
        pass  # so that what is wrong with it is said here
    command = supervisor_command(place.config, place.environment.environment_id, absolute_url(store, place))
    started = bring_up(place.layout, command)
    how = "is up" if started else "was up already"
    typer.echo(f"{place.environment.name} {how} at {gateway_url(place.layout)}")


def _supervise(place: Place, store: str | None) -> None:
    from pytest_mlops.operations.local import local_supervisor
    from pytest_mlops.serving.logs import log_to_stderr
    from pytest_mlops.serving.supervisor.lifecycle import allow_up

    log_to_stderr()
    allow_up(place.layout)
    with store_of(place, store, new=True) as opened:
        supervisor = local_supervisor(
            opened,
            place.environment,
            config=place.config,
            declared=lambda: _declared(place),
            store_url=absolute_url(store, place),
        )
        signal.signal(signal.SIGTERM, lambda *_: supervisor.stop())
        signal.signal(signal.SIGINT, lambda *_: supervisor.end_all())
        supervisor.run()


def _declared(place: Place) -> tuple[DeploymentEnvironment, str | None]:
    """Read the environment anew: a supervisor lives longer than what ``mlops.yaml`` said when it began."""
    now = find_place(place.environment.environment_id, place.config)
    return now.environment, now.model_id


def down(
    *,
    environment: EnvironmentName = None,
    grace: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds that processes have to end by themselves.")
    ] = 10.0,
    config: ConfigPath = None,
) -> None:
    """Take an environment down: end its gateway, replicas and supervisor. What serves is kept for ``up``."""
    from pytest_mlops.serving.supervisor.lifecycle import bring_down

    place = find_place(environment, config)
    stopped = bring_down(place.layout, grace=grace)
    names = ", ".join(f"{marker} (process {pid})" for marker, pid in stopped.processes)
    if not stopped.supervisor and not names:
        typer.echo(f"{place.environment.name} was down already")
    else:
        typer.echo(f"{place.environment.name} is down; ended: {names or 'the supervisor only'}")
