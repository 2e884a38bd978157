"""The processes of an environment on this machine: bring them up, supervise them, bring them down."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.operations.local import local_supervisor, supervisor_command
from pytest_mlops.operations.project import open_project_store
from pytest_mlops.serving.logs import log_to_stderr
from pytest_mlops.serving.ports import require_free
from pytest_mlops.serving.supervisor.lifecycle import allow_up, bring_down, bring_up, gateway_url, is_up

if TYPE_CHECKING:
    from pytest_mlops.operations.project import ProjectEnvironment
    from pytest_mlops.serving.supervisor.lifecycle import Stopped

__all__ = ["Up", "down", "supervise", "up"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Up:
    """An environment that is up.

    Attributes:
        url: Where clients reach it; ``None``: its gateway has ended again.
        started: Whether it was down before.
    """

    url: str | None
    started: bool


def up(where: ProjectEnvironment) -> Up:
    """Start supervisor, gateway and the replicas of what serves, where they do not run.

    The supervisor goes on when this process ends.

    Raises:
        StoreError: the store cannot be opened.
        TaskError: the gateway's port is taken, or it did not come up; the message has the end of its log.
    """
    if not is_up(where.layout) and gateway_url(where.layout) is None:
        require_free(where.environment.gateway.host, where.environment.gateway.port)
    with open_project_store(where.project):
        pass  # so that a store that cannot be opened is an error here and not in the supervisor's log
    started = bring_up(where.layout, supervisor_command(where))
    return Up(url=gateway_url(where.layout), started=started)


def supervise(where: ProjectEnvironment) -> None:
    """Supervise in this process until it ends: by SIGTERM alone, by SIGINT with gateway and replicas.

    Raises:
        ConflictError: another supervisor runs.
        StoreError: the store cannot be opened.
    """
    log_to_stderr()
    allow_up(where.layout)
    with open_project_store(where.project) as store:
        supervisor = local_supervisor(store, where)
        signal.signal(signal.SIGTERM, lambda *_: supervisor.stop())
        signal.signal(signal.SIGINT, lambda *_: supervisor.end_all())
        supervisor.run()


def down(where: ProjectEnvironment, *, grace: float = 10.0) -> Stopped:
    """End gateway, replicas and supervisor; what serves is kept for :func:`up`.

    Args:
        where: The environment.
        grace: Seconds that processes have to end by themselves before they are killed.

    Raises:
        TaskError: a process could not be ended.
        IoError: the folder of its files cannot be written.
    """
    return bring_down(where.layout, grace=grace)
