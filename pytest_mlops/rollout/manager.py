"""The deployment manager: deploys a version, rolls back to one, resumes an unfinished deployment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConfigError, ConflictError, EvidenceError, NotRegistered, Problem
from pytest_mlops.rollout.context import DeploymentContext
from pytest_mlops.rollout.driver import carry_out
from pytest_mlops.rollout.results import result_of
from pytest_mlops.rollout.rollback import rollback_candidates
from pytest_mlops.rollout.ticket_verification import examine_evidence, ticket_detail, verify_evidence
from pytest_mlops.state.journal import write_entry
from pytest_mlops.state.lease import acquire, lease_state
from pytest_mlops.state.paths import layout_of
from pytest_mlops.state.plan import DeploymentPlan, Source
from pytest_mlops.state.pointer import read_pointer
from pytest_mlops.state.rows import (
    add_deployment,
    deployment_name,
    get_deployment,
    list_deployments,
    next_number,
    unfinished,
)
from pytest_mlops.state.steps import Phase, Step
from pytest_mlops.store.log import default_actor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from pytest_mlops.evidence.case import Evidence
    from pytest_mlops.evidence.ticket import Examination, Ticket
    from pytest_mlops.records.deployment import Consistency, DeploymentResult
    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.health import HealthStatus
    from pytest_mlops.rollout.context import Probes
    from pytest_mlops.state.lease import Lease
    from pytest_mlops.state.rows import DeploymentRow
    from pytest_mlops.store.engine import Store
    from pytest_mlops.targets.protocol import Target

__all__ = ["DeploymentManager"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentManager:
    """Deploys to one environment of one project.

    Attributes:
        store: The store.
        environment: The environment.
        project: Folder of ``mlops.yaml``.
        target: Runs versions and routes traffic to them.
        probes: What is asked of the environment.
        model_id: The model that the environment is for, of which a rollback candidate has to be.
        actor: Who acts.
        echo: Prints a line for the person who deploys.
        now: The time, aware.
        sleep: Waits some seconds.
    """

    store: Store
    environment: DeploymentEnvironment
    project: Path
    target: Target
    probes: Probes
    model_id: str | None = None
    actor: str = ""
    echo: Callable[[str], None] = lambda _line: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep

    def deploy(self, evidence: Evidence) -> DeploymentResult:
        """Deploy a version: afterwards it serves, or the version before it keeps serving.

        Raises:
            TicketRefused: the evidence does not suffice; nothing was started.
            EvidenceError: the record cannot be read; nothing was started.
            ConfigError: the environment does not say how a version is served.
            ConflictError: another process acts on the environment, or took over.
            StoreError: the store failed; the next process that acts resumes what was started.
        """
        with self._lease() as lease:
            plan = self._begin(evidence, lease)
            carry_out(self._context(lease), plan)
        return self.result(plan.deployment_id)

    def submit(self, evidence: Evidence) -> str:
        """Verify the ticket and record the deployment for the supervisor to carry out; return its name.

        Raises:
            As :meth:`deploy`.
        """
        with self._lease() as lease:
            plan = self._begin(evidence, lease)
        self.target.start(plan.deployment_id)
        return plan.deployment_id

    def _begin(self, evidence: Evidence, lease: Lease) -> DeploymentPlan:
        self._require_serving()
        self._require_nothing_in_progress()
        asked = self.now()
        ticket = verify_evidence(
            self.store, self.environment, evidence, project=self.project, actor=self._actor(), now=asked
        )
        self.target.require_up()
        with lease.write() as connection:
            plan = self._add(connection, partial(self._plan, evidence, ticket))
            write_entry(
                connection,
                plan,
                Step.VERIFY,
                Phase.DONE,
                fence=lease.fence,
                actor=plan.actor,
                at=asked,
                detail=ticket_detail(ticket),
            )
        return plan

    def dry_run(self, evidence: Evidence) -> tuple[Examination, HealthStatus, Consistency]:
        """Check everything that a deployment checks before it begins, and begin nothing.

        Raises:
            EnvironmentUnhealthy: what the version needs besides itself is not well.
            As :meth:`deploy`.
        """
        self._require_serving()
        self._require_nothing_in_progress()
        examined = examine_evidence(
            self.store, self.environment, evidence, project=self.project, now=self.now()
        )
        if examined.ticket is None:
            raise examined.refusal or EvidenceError("nothing was checked")
        return examined, *self.probes.environment(self.environment, examined.ticket.record)

    def rollback(self, *, to: str | None = None) -> DeploymentResult:
        """Roll back to a version that served before: the newest whose ticket holds and whose replay passes.

        Args:
            to: The version's name or deployment, if it has to be that one.

        Raises:
            NotRegistered: there is none.
            EvidenceError: none of them may serve; the message gives the reason for each.
            ConflictError: another process acts on the environment.
        """
        self._require_serving()
        with self._lease() as lease:
            self._require_nothing_in_progress()
            return self._roll_back(lease, to)

    def _roll_back(self, lease: Lease, to: str | None) -> DeploymentResult:
        with self.store.read() as connection:
            stable = read_pointer(connection, self.environment.environment_id).stable
            rows = list_deployments(connection, self.environment.environment_id)
        refusals = []
        for row in rollback_candidates(rows, stable=stable, to=to):
            version = row.plan.version
            if not row.plan.record.is_file():
                refusals.append(f"{version}: its release {row.plan.release} is not there any more")
                continue
            with lease.write() as connection:
                plan = self._add(connection, partial(self._rollback_plan, row.plan, stable))
            carry_out(self._context(lease), plan)
            result = self.result(plan.deployment_id)
            if result.success:
                return result
            refusals.append(f"{version}: {result.deployment.message}")
        if not refusals:
            raise NotRegistered("no other version served here before, so there is none to roll back to")
        raise EvidenceError("there is no version to roll back to; " + "; ".join(refusals))

    def recover(self) -> bool:
        """Resume a deployment that no process carries out; return whether there was one.

        Raises:
            StoreError: the store failed.
        """
        name = self.environment.environment_id
        with self.store.read() as connection:
            row = unfinished(connection, name)
            state = lease_state(connection, name)
        if row is None or (state is not None and state.is_held(self.now().timestamp())):
            return False
        try:
            taken = self._lease()
        except ConflictError:
            return False  # another process was faster
        with taken as lease:
            carry_out(self._context(lease), self._row(row.plan.deployment_id).plan)
        return True

    def result(self, deployment_id: str) -> DeploymentResult:
        """Return how a deployment came out, or stands."""
        with self.store.read() as connection:
            return result_of(connection, deployment_id, now=self.now())

    def _plan(self, evidence: Evidence, ticket: Ticket, number: int) -> DeploymentPlan:
        """Return the plan of a deployment that has its number."""
        version = ticket.record.model_version
        serve = self.environment.serve
        if version is None or evidence.model is None or serve is None:  # no ticket without the first two
            raise EvidenceError("the record names no model version")
        environment = self.environment.environment_id
        return DeploymentPlan(
            deployment_id=deployment_name(environment, number),
            number=number,
            environment=self.environment,
            serve=serve,
            model_version=version,
            digest=ticket.model_digest,
            run_id=ticket.record.run_id,
            model_id=evidence.model_id,
            project=str(self.project.absolute()),
            release=str(layout_of(self.project, environment).release(ticket.model_digest, number)),
            source=Source(
                record=str(evidence.record.absolute()),
                record_digest=ticket.record_digest,
                model=str(evidence.model.absolute()),
                envelope=None if evidence.envelope is None else str(evidence.envelope.absolute()),
            ),
            actor=self._actor(),
            created_at=self.now(),
        )

    def _rollback_plan(self, old: DeploymentPlan, instead_of: str | None, number: int) -> DeploymentPlan:
        """Return a new deployment of an old one's files, under what the environment demands today."""
        rollout = self.environment.rollout.model_copy(update={"strategy": "all_at_once", "steps": ()})
        environment = self.environment.model_copy(update={"rollout": rollout})
        return old.model_copy(
            update={
                "deployment_id": deployment_name(environment.environment_id, number),
                "number": number,
                "environment": environment,
                "model_id": self.model_id or old.model_id,
                "rollback_from": instead_of,
                "actor": self._actor(),
                "created_at": self.now(),
            }
        )

    def _add(self, connection: Connection, plan_of: Callable[[int], DeploymentPlan]) -> DeploymentPlan:
        """Write a new deployment; its number, and so its name, come out of the same transaction."""
        environment = self.environment.environment_id
        _refuse_second(unfinished(connection, environment))
        plan = plan_of(next_number(connection, environment))
        add_deployment(connection, plan)
        return plan

    def _row(self, deployment_id: str) -> DeploymentRow:
        with self.store.read() as connection:
            return get_deployment(connection, deployment_id)

    def _lease(self) -> Lease:
        return acquire(
            self.store,
            self.environment.environment_id,
            actor=self._actor(),
            clock=lambda: self.now().timestamp(),
        )

    def _context(self, lease: Lease) -> DeploymentContext:
        return DeploymentContext(
            store=self.store,
            lease=lease,
            target=self.target,
            probes=self.probes,
            actor=self._actor(),
            now=self.now,
            sleep=self.sleep,
            echo=self.echo,
        )

    def _actor(self) -> str:
        return self.actor or default_actor()

    def _require_serving(self) -> None:
        if self.environment.serve is None:
            name = self.environment.environment_id
            message = "has no serve:, so nothing says how a version is served; add serve: {command: [...]}"
            raise ConfigError("mlops.yaml", [Problem(path=f"environments.{name}", message=message)])

    def _require_nothing_in_progress(self) -> None:
        with self.store.read() as connection:
            _refuse_second(unfinished(connection, self.environment.environment_id))


def _refuse_second(row: DeploymentRow | None) -> None:
    if row is not None:
        raise ConflictError(
            f"{row.plan.deployment_id} of {row.plan.version} is in progress; wait until it ends, or "
            "abort it with pytest-mlops abort"
        )
