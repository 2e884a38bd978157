"""The deployment context: what a process needs to carry out a deployment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pytest_mlops.errors import MLOpsError, TaskError
from pytest_mlops.state.controls import read_requested_state
from pytest_mlops.state.journal import read_journal, write_entry
from pytest_mlops.state.pointer import move_pointer, read_pointer
from pytest_mlops.state.rows import get_deployment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from pytest_mlops.records.deployment import Consistency
    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.health import HealthStatus
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.state.controls import RequestedState
    from pytest_mlops.state.lease import Lease
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.state.pointer import Pointer
    from pytest_mlops.state.rows import DeploymentRow
    from pytest_mlops.state.steps import Entry, Phase, Step
    from pytest_mlops.store.engine import Store
    from pytest_mlops.targets.protocol import Replica, Target

__all__ = ["ROUTE_SECONDS", "DeploymentContext", "Probes", "StepFailed"]

ROUTE_SECONDS = 30.0
"""Seconds that the traffic has to follow the pointer before the step fails."""

_TICK = 0.01


class StepFailed(MLOpsError):  # noqa: N818 -- named after what it means
    """A step did not come out as it has to; the deployment is reverted."""


class Probes(Protocol):
    """What a deployment asks of its environment; where something does not hold, an MLOpsError says so."""

    def environment(
        self, environment: DeploymentEnvironment, record: IntegrationResult
    ) -> tuple[HealthStatus, Consistency]:
        """Check what a version needs besides itself, and how far it is what the version was tested in."""

    def stage(self, plan: DeploymentPlan) -> None:
        """Copy the version's files to its release, and compare them with the recorded digests."""

    def health(
        self, plan: DeploymentPlan, replicas: Sequence[Replica], *, seconds: float, quick: bool = False
    ) -> HealthStatus:
        """Return the health of replicas by their checks, within a time; ``quick`` waits for no interval."""

    def replay(self, plan: DeploymentPlan, replica: Replica) -> str:
        """Ask a replica the golden requests; return a message about how many it answered as it has to."""

    def prune(self, plan: DeploymentPlan, keep: Callable[[], frozenset[str]]) -> None:
        """Remove the releases of the environment that are none of the folders that ``keep`` returns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentContext:
    """A process that holds the lease on an environment, with what it takes to act on it.

    Attributes:
        store: The store.
        lease: On the environment.
        target: Runs versions and routes traffic to them.
        probes: What is asked of the environment.
        actor: Who, for journal and log.
        now: The time, aware.
        sleep: Waits some seconds.
        echo: Prints a line for the person who deploys.
    """

    store: Store
    lease: Lease
    target: Target
    probes: Probes
    actor: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    echo: Callable[[str], None] = field(default=lambda _line: None)

    def row(self, plan: DeploymentPlan) -> DeploymentRow:
        """Return the deployment as the store has it now."""
        with self.store.read() as connection:
            return get_deployment(connection, plan.deployment_id)

    def journal(self, plan: DeploymentPlan) -> tuple[Entry, ...]:
        """Return the journal of a deployment."""
        with self.store.read() as connection:
            return read_journal(connection, plan.deployment_id)

    def pointer(self, plan: DeploymentPlan) -> Pointer:
        """Return the pointer of a deployment's environment."""
        with self.store.read() as connection:
            return read_pointer(connection, plan.environment.environment_id)

    def _requested(self, plan: DeploymentPlan) -> RequestedState:
        """Return what is requested of a deployment."""
        self.lease.require()
        with self.store.read() as connection:
            return read_requested_state(connection, plan.deployment_id)

    def require_not_aborted(self, plan: DeploymentPlan) -> RequestedState:
        """Return what is requested of a deployment, unless it was aborted.

        Raises:
            StepFailed: the deployment was aborted.
        """
        requested = self._requested(plan)
        if requested.abort is not None:
            raise StepFailed(f"aborted by {requested.abort}")
        return requested

    def note(
        self,
        plan: DeploymentPlan,
        step: Step,
        phase: Phase,
        detail: Mapping[str, Any] | None = None,
        *,
        connection: Connection | None = None,
    ) -> None:
        """Write a line of the journal, in a transaction of its own or in the caller's."""
        if connection is None:
            with self.lease.write() as own:
                self.note(plan, step, phase, detail, connection=own)
            return
        write_entry(
            connection,
            plan,
            step,
            phase,
            fence=self.lease.fence,
            actor=self.actor,
            at=self.now(),
            detail=detail,
        )

    def move(
        self, connection: Connection, plan: DeploymentPlan, to: Pointer, *, expected: int, reason: str
    ) -> Pointer:
        """Move the pointer within a transaction of the lease."""
        return move_pointer(
            connection,
            plan.environment.environment_id,
            to,
            expected=expected,
            fence=self.lease.fence,
            actor=self.actor,
            reason=reason,
            at=self.now(),
        )

    def await_route(self, revision: int) -> None:
        """Wait until all new requests follow a revision of the pointer.

        Raises:
            TaskError: they do not within ``ROUTE_SECONDS``.
        """
        began = self.now()
        while self.target.routed() < revision:
            if (self.now() - began).total_seconds() >= ROUTE_SECONDS:
                raise TaskError(
                    f"the traffic does not follow revision {revision} of the pointer within "
                    f"{ROUTE_SECONDS:g} s; see the logs of supervisor and gateway"
                )
            self.lease.require()
            self.sleep(_TICK)
