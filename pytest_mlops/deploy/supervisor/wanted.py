"""What the store wants to run: read often, so with the cheapest statements there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from pytest_mlops.deploy.plan import read_plan
from pytest_mlops.deploy.pointer import read_pointer
from pytest_mlops.errors import SerializationError
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import deployments, pointers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.deploy.plan import DeploymentPlan
    from pytest_mlops.deploy.pointer import Pointer
    from pytest_mlops.store.engine import Store

__all__ = ["Wanted", "WantedReader", "count_death"]

_columns = deployments.c
_WANTED = Prepared(
    select(_columns.deployment_id, _columns.wanted, _columns.tries, _columns.updated_at).where(
        _columns.environment == bindparam("environment"), _columns.wanted > bindparam("none")
    )
)
_UNDER_WAY = Prepared(
    select(_columns.number)
    .where(_columns.environment == bindparam("environment"), _columns.status == bindparam("deploying"))
    .limit(1)
)
_REVISION = Prepared(select(pointers.c.revision).where(pointers.c.environment == bindparam("environment")))
_BODY = Prepared(select(_columns.body).where(_columns.deployment_id == bindparam("name")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One deployment that has to run.

    Attributes:
        plan: What it is made of.
        replicas: How many processes.
        tries: Times that one may still die; ``None``: as often as it likes.
    """

    plan: DeploymentPlan
    replicas: int
    tries: int | None


@dataclass(kw_only=True)
class WantedReader:
    """Reads what an environment wants; plans never change, so each is read once.

    Attributes:
        store: The store.
        environment: The environment.
        say: Takes a line for the log.
        under_way: Whether a deployment was under way when it was read last.
    """

    store: Store
    environment: str
    say: Callable[[str], None]
    under_way: bool = False
    _plans: dict[str, DeploymentPlan | None] = field(default_factory=dict)
    _pointer: Pointer | None = None

    def read(self) -> tuple[dict[str, Wanted], Pointer]:
        """Return what has to run, and the pointer.

        Raises:
            StoreError: the store failed.
        """
        with self.store.read() as connection:
            rows = _WANTED.run(connection, {"environment": self.environment, "none": 0}).all()
            revision = _REVISION.run(connection, {"environment": self.environment}).scalar() or 0
            deploying = {"environment": self.environment, "deploying": DeploymentStatus.DEPLOYING.value}
            self.under_way = _UNDER_WAY.run(connection, deploying).first() is not None
            if self._pointer is None or self._pointer.revision != revision:
                self._pointer = read_pointer(connection, self.environment)
            for row in rows:
                if row.deployment_id not in self._plans:
                    body = _BODY.run(connection, {"name": row.deployment_id}).scalar()
                    self._plans[row.deployment_id] = self._parse(row.deployment_id, str(body))
        wanted = {}
        for row in rows:
            plan = self._plans[row.deployment_id]
            if plan is not None:
                wanted[row.deployment_id] = Wanted(plan=plan, replicas=row.wanted, tries=row.tries)
        return wanted, self._pointer

    def _parse(self, name: str, body: str) -> DeploymentPlan | None:
        try:
            return read_plan(body)
        except SerializationError as error:
            self.say(f"{name} is left alone: {error}")
            return None


def count_death(store: Store, deployment_id: str) -> None:
    """Take one try from a deployment that has any left; a blessed one has no count."""
    with store.write() as connection:
        connection.execute(
            deployments.update()
            .where(_columns.deployment_id == deployment_id, _columns.tries > 0)
            .values(tries=_columns.tries - 1)
        )
