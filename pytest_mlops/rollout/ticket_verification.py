"""Ticket verification: of a version before it is deployed, of its staged copy before it serves (again)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlops.evidence.case import Evidence, TicketCheck, open_case
from pytest_mlops.evidence.decision import issue_ticket
from pytest_mlops.evidence.policies.known import digests_check, history_check
from pytest_mlops.evidence.policies.origin import RUN
from pytest_mlops.evidence.ticket import POLICIES, examine

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_mlops.evidence.case import Case
    from pytest_mlops.evidence.ticket import Examination, Ticket
    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.ticket import TicketPolicy
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.store.engine import Store

__all__ = ["evidence_of", "examine_evidence", "ticket_detail", "verify_evidence", "verify_plan"]


def verify_evidence(
    store: Store,
    environment: DeploymentEnvironment,
    evidence: Evidence,
    *,
    project: Path,
    actor: str,
    now: datetime,
) -> Ticket:
    """Return the ticket of a version that is to be deployed; the decision is in the log, whichever it is.

    Args:
        store: The store, whose history also knows later runs of the same bytes.
        environment: Where the version is to go.
        evidence: What is presented.
        project: Folder that the files of trusted keys are relative to.
        actor: Who asks.
        now: The time.

    Raises:
        TicketRefused: a check does not hold; which one, why, and the honest way past it.
        EvidenceError: the record cannot be read.
        StoreError: the decision could not be logged, so there is none.
    """
    case = _case(environment, environment.policy, evidence, project=project, now=now)
    return issue_ticket(store, case, actor=actor, policies=_checks(store))


def examine_evidence(
    store: Store, environment: DeploymentEnvironment, evidence: Evidence, *, project: Path, now: datetime
) -> Examination:
    """Examine a version's evidence as :func:`verify_evidence` does; issue no ticket and log nothing.

    Raises:
        EvidenceError: the record cannot be read.
    """
    return examine(_case(environment, environment.policy, evidence, project=project, now=now), _checks(store))


def verify_plan(store: Store, plan: DeploymentPlan, *, rollback: bool, actor: str, now: datetime) -> Ticket:
    """Return the ticket of a deployment: of its staged copy, once there is one.

    Args:
        store: As in :func:`verify_evidence`.
        plan: The deployment.
        rollback: Whether the version served before, so that its evidence may be as old as
            ``rollback_max_age`` says.
        actor: Who asks.
        now: The time.

    Raises:
        TicketRefused: a check does not hold, or record or model are not what the deployment began with.
        EvidenceError: the record cannot be read.
        StoreError: the decision could not be logged.
    """
    environment = plan.environment
    policy = _rollback_policy(environment) if rollback else environment.policy
    case = _case(environment, policy, evidence_of(plan), project=Path(plan.project), now=now)
    same = digests_check(model=plan.digest, record=plan.source.record_digest)
    return issue_ticket(store, case, actor=actor, policies=_checks(store, same))


def ticket_detail(ticket: Ticket) -> dict[str, Any]:
    """Return what the journal keeps of a ticket that was issued."""
    return {"run": ticket.record.run_id, "signers": [name for name, _ in ticket.signers]}


def evidence_of(plan: DeploymentPlan) -> Evidence:
    """Return the evidence of a deployment: the staged copy, or where it lay before it was staged."""
    source = plan.source
    if plan.record.is_file():
        return Evidence(record=plan.record, model=plan.model, run_id=plan.run_id, model_id=plan.model_id)
    return Evidence(
        record=Path(source.record),
        model=Path(source.model),
        envelope=None if source.envelope is None else Path(source.envelope),
        run_id=plan.run_id,
        model_id=plan.model_id,
    )


def _case(
    environment: DeploymentEnvironment,
    policy: TicketPolicy,
    evidence: Evidence,
    *,
    project: Path,
    now: datetime,
) -> Case:
    name = environment.environment_id
    return open_case(evidence, environment=name, policy=policy, keys_folder=project, now=now)


def _rollback_policy(environment: DeploymentEnvironment) -> TicketPolicy:
    longest = environment.rollout.rollback_max_age
    if longest is None:
        return environment.policy
    return environment.policy.model_copy(update={"max_age": longest})


def _checks(store: Store, *further: TicketCheck) -> tuple[TicketCheck, ...]:
    """Return the checks of a version that is to serve, in their order."""
    return (*POLICIES, RUN, *further, history_check(store))
