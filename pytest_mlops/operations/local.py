"""An environment on this machine, put together: what deploys to it, and what supervises it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_mlops.rollout.auto_rollback import Mending
from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
from pytest_mlops.serving.supervisor.lifecycle import SupervisorCommand
from pytest_mlops.serving.supervisor.loop import Supervisor
from pytest_mlops.state.paths import layout_of
from pytest_mlops.store.address import VARIABLE, resolve_address

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.rollout.manager import DeploymentManager
    from pytest_mlops.store.engine import Store

__all__ = ["local_manager", "local_supervisor", "supervisor_command"]


def supervisor_command(config: Path, environment: str, store_url: str | None) -> SupervisorCommand:
    """Return how the supervisor of an environment is started.

    Args:
        config: The ``mlops.yaml`` that declares it.
        environment: Its name.
        store_url: The store's URL, relative to the folder of ``mlops.yaml``; ``None`` for the one there.

    Raises:
        StoreError: it is none.
    """
    supervise = ("up", "--foreground", "--config", str(config.absolute()), "--environment", environment)
    argv = (sys.executable, "-m", "pytest_mlops", *supervise)
    address = resolve_address(store_url, folder=config.absolute().parent)
    return SupervisorCommand(argv=argv, environ={VARIABLE: address.url.render_as_string(hide_password=False)})


def local_manager(
    store: Store,
    environment: DeploymentEnvironment,
    *,
    config: Path,
    store_url: str | None = None,
    model_id: str | None = None,
    actor: str = "",
    tell: Callable[[str], None] = lambda _line: None,
) -> DeploymentManager:
    """Return what deploys to an environment of this machine.

    Args:
        store: The store.
        environment: The environment.
        config: The ``mlops.yaml`` that declares it.
        store_url: As in :func:`supervisor_command`.
        model_id: The model that it is for.
        actor: Who acts; by default user and machine.
        tell: Takes a line for whoever watches.
    """
    # A supervisor that has nothing to deploy does without all of this.
    from pytest_mlops.rollout.manager import DeploymentManager  # noqa: PLC0415
    from pytest_mlops.rollout.probes import LocalProbes  # noqa: PLC0415
    from pytest_mlops.targets.local import LocalTarget  # noqa: PLC0415

    project = config.absolute().parent
    layout = layout_of(project, environment.environment_id)
    command = supervisor_command(config, environment.environment_id, store_url)
    return DeploymentManager(
        store=store,
        environment=environment,
        project=project,
        target=LocalTarget(layout=layout, supervisor=command),
        probes=LocalProbes(layout=layout, project=project),
        model_id=model_id,
        actor=actor,
        tell=tell,
    )


def local_supervisor(
    store: Store,
    environment: DeploymentEnvironment,
    *,
    config: Path,
    declared: Callable[[], tuple[DeploymentEnvironment, str | None]],
    store_url: str | None = None,
) -> Supervisor:
    """Return the supervisor of an environment of this machine.

    Args:
        store: The store.
        environment: The environment.
        config: The ``mlops.yaml`` that declares it.
        declared: Reads there what it demands now, and of which model.
        store_url: As in :func:`supervisor_command`.
    """
    layout = layout_of(config.absolute().parent, environment.environment_id)
    command = supervisor_command(config, environment.environment_id, store_url)
    # The gateway starts the next supervisor where this one dies, and that has to find the same store.
    gateway = GatewayProcess(
        layout=layout, settings=environment.gateway, environ={**os.environ, **command.environ}
    )

    def manager(
        environment: DeploymentEnvironment = environment, model_id: str | None = None
    ) -> DeploymentManager:
        return local_manager(
            store, environment, config=config, store_url=store_url, model_id=model_id, actor="supervisor"
        )

    return Supervisor(
        store=store,
        environment=environment.environment_id,
        layout=layout,
        gateway=gateway,
        drain=environment.gateway.drain,
        command=command.argv,
        recover=lambda: manager().recover(),
        auto_rollback=Mending(layout=layout, start=command, manager=lambda: manager(*declared())),
    )
