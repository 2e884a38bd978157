"""An environment on this machine, put together: what deploys to it, and what supervises it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_mlops.deploy.manager import DeploymentManager
from pytest_mlops.deploy.paths import layout_of
from pytest_mlops.deploy.probes import LocalProbes
from pytest_mlops.deploy.supervisor.gateway_process import GatewayProcess
from pytest_mlops.deploy.supervisor.loop import Supervisor
from pytest_mlops.deploy.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.store.engine import Store

__all__ = ["local_manager", "local_supervisor", "supervisor_command"]


def supervisor_command(config: Path, environment: str, store_url: str | None) -> list[str]:
    """Return what starts the supervisor of an environment in the foreground."""
    command = [sys.executable, "-m", "pytest_mlops", "up", "--foreground"]
    command += ["--config", str(config.absolute()), "--environment", environment]
    return command if store_url is None else [*command, "--store", store_url]


def local_manager(
    store: Store,
    environment: DeploymentEnvironment,
    *,
    config: Path,
    store_url: str | None = None,
    actor: str = "",
    tell: Callable[[str], None] = lambda _line: None,
) -> DeploymentManager:
    """Return what deploys to an environment of this machine.

    Args:
        store: The store.
        environment: The environment.
        config: The ``mlops.yaml`` that declares it.
        store_url: The store's URL, where a supervisor would not find it by itself.
        actor: Who acts; by default user and machine.
        tell: Takes a line for whoever watches.
    """
    project = config.absolute().parent
    layout = layout_of(project, environment.environment_id)
    command = supervisor_command(config, environment.environment_id, store_url)
    return DeploymentManager(
        store=store,
        environment=environment,
        project=project,
        target=LocalTarget(layout=layout, command=command),
        probes=LocalProbes(layout=layout),
        actor=actor,
        tell=tell,
    )


def local_supervisor(
    store: Store, environment: DeploymentEnvironment, *, config: Path, store_url: str | None = None
) -> Supervisor:
    """Return the supervisor of an environment of this machine."""
    layout = layout_of(config.absolute().parent, environment.environment_id)
    manager = local_manager(store, environment, config=config, store_url=store_url, actor="supervisor")
    gateway = GatewayProcess(layout=layout, settings=environment.gateway, environ=dict(os.environ))
    return Supervisor(
        store=store,
        environment=environment.environment_id,
        layout=layout,
        gateway=gateway,
        drain=environment.gateway.drain,
        command=supervisor_command(config, environment.environment_id, store_url),
        recover=manager.recover,
    )
