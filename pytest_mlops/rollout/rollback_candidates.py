"""Which versions may be gone back to: those that served before, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import NotRegistered
from pytest_mlops.records.deployment import DeploymentStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.state.rows import DeploymentRow

__all__ = ["ways_back"]


def ways_back(
    rows: Sequence[DeploymentRow], *, stable: str | None, to: str | None = None
) -> tuple[DeploymentRow, ...]:
    """Return the deployments to go back to, the best first; of each version's files only the newest.

    Args:
        rows: Those of the environment, newest first.
        stable: The one that serves.
        to: A deployment or a version's name, if it has to be that one.

    Raises:
        NotRegistered: ``to`` names none that served.
    """
    serving = next((row for row in rows if row.plan.deployment_id == stable), None)
    before = [
        row
        for row in rows
        if row.status in {DeploymentStatus.STOPPED, DeploymentStatus.RUNNING}
        and row is not serving
        and (serving is None or row.plan.digest != serving.plan.digest or row.plan.deployment_id == to)
    ]
    if to is not None:
        named = [row for row in before if to in _names(row)]
        if not named:
            known = ", ".join(row.plan.model_version.version_id for row in before) or "none"
            raise NotRegistered(f"no version {to} served here before; those that did: {known}")
        before = named
    newest: dict[str, DeploymentRow] = {}
    for row in before:
        newest.setdefault(row.plan.release, row)
    return tuple(newest.values())


def _names(row: DeploymentRow) -> set[str]:
    plan = row.plan
    return {plan.deployment_id, plan.model_version.version_id, plan.version}
