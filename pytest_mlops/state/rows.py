"""The rows of deployments: what is to run, and how each came out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from pytest_mlops.errors import NotRegistered, SerializationError
from pytest_mlops.records.deployment import Deployment, DeploymentStatus
from pytest_mlops.state.plan import DeploymentPlan, read_plan
from pytest_mlops.store.schema import deployments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection, Row

__all__ = [
    "DeploymentRow",
    "add_deployment",
    "change_deployment",
    "deployment_name",
    "get_deployment",
    "list_deployments",
    "next_number",
    "unfinished",
]

_UNSET = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentRow:
    """A deployment as the store has it.

    Attributes:
        plan: What it is made of.
        status: Where it stands.
        message: Why.
        desired_replicas: Replicas that have to run.
        restart_budget: Deaths of replicas that are left before it is rolled back; ``None``: it is blessed.
        updated_at: When this was last changed.
    """

    plan: DeploymentPlan
    status: DeploymentStatus
    message: str
    desired_replicas: int
    restart_budget: int | None
    updated_at: datetime

    def record(self) -> Deployment:
        """Return the deployment as the vocabulary has it."""
        plan = self.plan
        return Deployment(
            deployment_id=plan.deployment_id,
            model_version=plan.model_version,
            environment=plan.environment,
            status=self.status,
            digest=plan.digest,
            run_id=plan.run_id,
            message=self.message,
            created_at=plan.created_at,
            updated_at=self.updated_at,
        )


def deployment_name(environment: str, number: int) -> str:
    """Return what a deployment is called: ``production.7``."""
    return f"{environment}.{number}"


def next_number(connection: Connection, environment: str) -> int:
    """Return the number of an environment's next deployment."""
    last = connection.execute(
        select(func.max(deployments.c.number)).where(deployments.c.environment == environment)
    ).scalar()
    return (last or 0) + 1


def add_deployment(connection: Connection, plan: DeploymentPlan) -> None:
    """Write a deployment that begins: nothing of it runs yet."""
    at = plan.created_at.timestamp()
    connection.execute(
        deployments.insert().values(
            deployment_id=plan.deployment_id,
            environment=plan.environment.environment_id,
            number=plan.number,
            model_id=plan.model_version.model_id,
            version=plan.model_version.version_id,
            digest=plan.digest,
            run_id=plan.run_id,
            status=DeploymentStatus.DEPLOYING.value,
            message="",
            wanted=0,
            tries=plan.environment.rollout.tries,
            body=plan.model_dump_json(),
            created_at=at,
            updated_at=at,
        )
    )


def change_deployment(
    connection: Connection,
    deployment_id: str,
    *,
    at: datetime,
    status: DeploymentStatus | None = None,
    message: str | None = None,
    desired_replicas: int | None = None,
    restart_budget: int | None = _UNSET,
) -> None:
    """Change what is given of a deployment; ``restart_budget=None`` blesses it."""
    values: dict[str, object] = {"updated_at": at.timestamp()}
    if status is not None:
        values["status"] = status.value
    if message is not None:
        values["message"] = message
    if desired_replicas is not None:
        values["wanted"] = desired_replicas
    if restart_budget != _UNSET:
        values["tries"] = restart_budget
    connection.execute(
        deployments.update().where(deployments.c.deployment_id == deployment_id).values(**values)
    )


def get_deployment(connection: Connection, deployment_id: str) -> DeploymentRow:
    """Return a deployment.

    Raises:
        NotRegistered: there is none of this name.
        SerializationError: its plan cannot be read.
    """
    row = connection.execute(select(deployments).where(deployments.c.deployment_id == deployment_id)).first()
    if row is None:
        raise NotRegistered(
            f"there is no deployment {deployment_id}; pytest-mlops history deployments lists them"
        )
    return _read(row)


def list_deployments(
    connection: Connection, environment: str, *, limit: int | None = None
) -> tuple[DeploymentRow, ...]:
    """Return the deployments of an environment, newest first; rows that cannot be read are left out."""
    query = (
        select(deployments)
        .where(deployments.c.environment == environment)
        .order_by(deployments.c.number.desc())
        .limit(limit)
    )
    return tuple(_readable(connection.execute(query)))


def unfinished(connection: Connection, environment: str) -> DeploymentRow | None:
    """Return the deployment of an environment that is in progress; at most one is."""
    query = (
        select(deployments)
        .where(
            deployments.c.environment == environment,
            deployments.c.status == DeploymentStatus.DEPLOYING.value,
        )
        .order_by(deployments.c.number.desc())
    )
    return next(iter(_readable(connection.execute(query))), None)


def _readable(rows: Iterable[Row[tuple[object, ...]]]) -> Iterator[DeploymentRow]:
    for row in rows:
        try:
            yield _read(row)
        except SerializationError:
            continue


def _read(row: Row[tuple[object, ...]]) -> DeploymentRow:
    return DeploymentRow(
        plan=read_plan(row.body),
        status=DeploymentStatus(row.status),
        message=row.message,
        desired_replicas=row.wanted,
        restart_budget=row.tries,
        updated_at=datetime.fromtimestamp(row.updated_at, UTC),
    )
