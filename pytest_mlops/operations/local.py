"""An environment on this machine, put together: what deploys to it, and what supervises it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_mlops.operations.project import ProjectEnvironment, find_environment
from pytest_mlops.rollout.auto_rollback import AutoRollback
from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
from pytest_mlops.serving.supervisor.lifecycle import SupervisorCommand
from pytest_mlops.serving.supervisor.loop import Supervisor
from pytest_mlops.store.address import VARIABLE, resolve_address
from pytest_mlops.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.rollout.manager import DeploymentManager
    from pytest_mlops.store.engine import Store

__all__ = ["local_manager", "local_supervisor", "supervisor_command"]


def supervisor_command(where: ProjectEnvironment) -> SupervisorCommand:
    """Return how the supervisor of an environment is started.

    Raises:
        StoreError: the store's URL means no store.
    """
    supervise = ("up", "--foreground", "--config", str(where.config.absolute()), "--environment", where.name)
    argv = (sys.executable, "-m", "pytest_mlops", *supervise)
    address = resolve_address(where.project.store, folder=where.project.folder)
    return SupervisorCommand(argv=argv, environ={VARIABLE: address.url.render_as_string(hide_password=False)})


def local_manager(
    store: Store,
    where: ProjectEnvironment,
    *,
    actor: str = "",
    echo: Callable[[str], None] = lambda _line: None,
) -> DeploymentManager:
    """Return what deploys to an environment of this machine.

    Args:
        store: The store.
        where: The environment.
        actor: Who acts; by default user and machine.
        echo: Takes a line about each step.
    """
    # A supervisor that has nothing to deploy does without all of this.
    from pytest_mlops.rollout.manager import DeploymentManager  # noqa: PLC0415
    from pytest_mlops.rollout.probes import LocalProbes  # noqa: PLC0415

    return DeploymentManager(
        store=store,
        environment=where.environment,
        project=where.project.folder,
        target=LocalTarget(layout=where.layout, supervisor=supervisor_command(where)),
        probes=LocalProbes(layout=where.layout, project=where.project.folder),
        model_id=where.model_id,
        actor=actor,
        echo=echo,
    )


def local_supervisor(store: Store, where: ProjectEnvironment) -> Supervisor:
    """Return the supervisor of an environment of this machine.

    Args:
        store: The store.
        where: The environment. What its configuration demands is read again whenever a version is rolled
            back: a supervisor outlives what stood there at its start.
    """
    layout, command = where.layout, supervisor_command(where)
    # The gateway starts the next supervisor where this one dies, and that has to find the same store.
    gateway = GatewayProcess(
        layout=layout, settings=where.environment.gateway, environ={**os.environ, **command.environ}
    )

    def manager(where: ProjectEnvironment = where) -> DeploymentManager:
        return local_manager(store, where, actor="supervisor")

    def declared_now() -> ProjectEnvironment:
        return find_environment(where.name, config=where.config, store=where.project.store)

    return Supervisor(
        store=store,
        environment=where.name,
        layout=layout,
        gateway=gateway,
        drain=where.environment.gateway.drain,
        command=command.argv,
        recover=lambda: manager().recover(),
        auto_rollback=AutoRollback(
            target=LocalTarget(layout=layout, supervisor=command), manager=lambda: manager(declared_now())
        ),
    )
