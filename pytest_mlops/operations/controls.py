"""What a person requests of a rollout that is under way: promote, pause, resume, abort."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_mlops.errors import NotRegistered
from pytest_mlops.operations.deploy import NEVER
from pytest_mlops.operations.project import open_project_store
from pytest_mlops.state.controls import Control, request_control
from pytest_mlops.state.rows import unfinished
from pytest_mlops.store.log import default_actor

if TYPE_CHECKING:
    from pytest_mlops.operations.project import ProjectEnvironment
    from pytest_mlops.state.plan import DeploymentPlan

__all__ = ["abort", "pause", "promote", "resume"]


def promote(where: ProjectEnvironment, *, reason: str = "") -> DeploymentPlan:
    """Request that all traffic is shifted to the new version now, overriding the judge.

    Args:
        where: The environment.
        reason: Why; it is kept in the log.

    Returns:
        The deployment that this was requested of.

    Raises:
        NotRegistered: nothing is being deployed.
        StoreError: there is no store, or it failed.
    """
    return _request(where, Control.PROMOTE, reason)


def pause(where: ProjectEnvironment, *, reason: str = "") -> DeploymentPlan:
    """Request that the traffic stays as it is; the judge may still roll back. As :func:`promote`."""
    return _request(where, Control.PAUSE, reason)


def resume(where: ProjectEnvironment, *, reason: str = "") -> DeploymentPlan:
    """Request that a paused rollout continues. As :func:`promote`."""
    return _request(where, Control.RESUME, reason)


def abort(where: ProjectEnvironment, *, reason: str = "") -> DeploymentPlan:
    """Request that the rollout ends and the version before it serves on. As :func:`promote`."""
    return _request(where, Control.ABORT, reason)


def _request(where: ProjectEnvironment, control: Control, reason: str) -> DeploymentPlan:
    with open_project_store(where.project, absent=NEVER) as store, store.write() as connection:
        row = unfinished(connection, where.name)
        if row is None:
            raise NotRegistered(
                f"nothing is being deployed to {where.name}; run pytest-mlops status to see what serves"
            )
        request_control(
            connection,
            environment=where.name,
            deployment_id=row.plan.deployment_id,
            control=control,
            actor=default_actor(),
            reason=reason,
            at=datetime.now(UTC),
        )
    return row.plan
