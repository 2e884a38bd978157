"""Admission: the ticket of a version, asked for before it is deployed and again before it is gone back to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.decision import admit
from pytest_mlops.evidence.policies.case import TicketCheck
from pytest_mlops.evidence.ticket import POLICIES, examine, open_case
from pytest_mlops.store.history import later_failure

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_mlops.evidence.policies.case import Case
    from pytest_mlops.evidence.ticket import Examined, Ticket
    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.ticket import TicketPolicy
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.store.engine import Store

__all__ = ["Admission", "admit_plan", "admit_version", "examine_version"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """What a deployment began with.

    Attributes:
        model: Digest of the model.
        record: SHA-256 of the record's bytes.
    """

    model: str
    record: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """A version that may go where it is to go.

    Attributes:
        ticket: Its ticket.
        record_digest: SHA-256 of the very bytes of the record that were looked at.
    """

    ticket: Ticket
    record_digest: str


def admit_version(
    store: Store,
    environment: DeploymentEnvironment,
    *,
    record: Path,
    model: Path,
    envelope: Path | None,
    project: Path,
    model_id: str | None,
    run_id: str | None,
    going_back: bool,
    actor: str,
    now: datetime,
    begun: Begun | None = None,
) -> Admission:
    """Ask for the ticket of a version; the decision is in the log, whichever it is.

    Args:
        store: The store, whose history also knows later runs of the same bytes.
        environment: Where the version is to go.
        record: Its integration result.
        model: Its files.
        envelope: The signed envelope, where it does not stand beside the record.
        project: Folder that the files of trusted keys are relative to.
        model_id: The model that the environment is for.
        run_id: The run that the record has to be of.
        going_back: Whether the version served before, so that its evidence may be as old as
            ``rollback_max_age`` says.
        actor: Who asks.
        now: The time.
        begun: What a deployment that is under way began with.

    Raises:
        TicketRefused: a check does not hold; which one, why, and the honest way past it.
        EvidenceError: the record cannot be read.
        StoreError: the decision could not be logged, so there is none.
    """
    case = _case(
        environment,
        record=record,
        model=model,
        envelope=envelope,
        project=project,
        model_id=model_id,
        going_back=going_back,
        now=now,
    )
    ticket = admit(store, case, actor=actor, policies=_policies(store, run_id=run_id, begun=begun))
    return Admission(ticket=ticket, record_digest=case.record_digest)


def examine_version(
    store: Store,
    environment: DeploymentEnvironment,
    *,
    record: Path,
    model: Path,
    envelope: Path | None,
    project: Path,
    model_id: str | None,
    run_id: str | None,
    now: datetime,
) -> Examined:
    """Look at a version's evidence as :func:`admit_version` does, and decide nothing.

    Raises:
        EvidenceError: the record cannot be read.
    """
    return examine(
        _case(
            environment,
            record=record,
            model=model,
            envelope=envelope,
            project=project,
            model_id=model_id,
            going_back=False,
            now=now,
        ),
        _policies(store, run_id=run_id, begun=None),
    )


def admit_plan(
    store: Store, plan: DeploymentPlan, *, going_back: bool, actor: str, now: datetime
) -> Admission:
    """Ask for the ticket of a deployment: of its staged copy, once there is one.

    Raises:
        TicketRefused: a check does not hold, or record or model are not what the deployment began with.
        EvidenceError: the record cannot be read.
        StoreError: the decision could not be logged.
    """
    staged = plan.record.is_file()
    source = plan.source
    return admit_version(
        store,
        plan.environment,
        record=plan.record if staged else Path(source.record),
        model=plan.model if staged else Path(source.model),
        envelope=None if staged or source.envelope is None else Path(source.envelope),
        project=Path(plan.project),
        model_id=plan.model_id,
        run_id=plan.run_id,
        going_back=going_back,
        actor=actor,
        now=now,
        begun=Begun(model=plan.digest, record=source.record_digest),
    )


def _case(
    environment: DeploymentEnvironment,
    *,
    record: Path,
    model: Path,
    envelope: Path | None,
    project: Path,
    model_id: str | None,
    going_back: bool,
    now: datetime,
) -> Case:
    return open_case(
        record,
        model=model,
        environment=environment.environment_id,
        policy=_policy(environment, going_back=going_back),
        keys_folder=project,
        now=now,
        envelope=envelope,
        model_id=model_id,
    )


def _policy(environment: DeploymentEnvironment, *, going_back: bool) -> TicketPolicy:
    longest = environment.rollout.rollback_max_age
    if not going_back or longest is None:
        return environment.policy
    return environment.policy.model_copy(update={"max_age": longest})


def _policies(store: Store, *, run_id: str | None, begun: Begun | None) -> tuple[TicketCheck, ...]:
    """Return what is asked of a version that is to serve: a ticket's checks, and those only known here."""
    run = partial(_check_run, run_id=run_id)
    asked = [TicketCheck(name="run", check=run, remedy="Present the record that this run wrote")]
    if begun is not None:
        same = partial(_check_begun, begun=begun)
        remedy = "Deploy it anew if the change was meant"
        asked.append(TicketCheck(name="deployment", check=same, remedy=remedy))
    remedy = "Find out which of the two is right, and run the gate again"
    asked.append(TicketCheck(name="history", check=partial(_check_history, store=store), remedy=remedy))
    return (*POLICIES, *asked)


def _check_run(case: Case, *, run_id: str | None) -> str:
    got = case.record.run_id
    if run_id is None:
        return f"run {got}; no other was asked for"
    if got != run_id:
        raise EvidenceError(f"the record is of run {got}; expected run {run_id}")
    return f"run {got}, as asked for"


def _check_begun(case: Case, *, begun: Begun) -> str:
    version = case.record.model_version
    model = None if version is None else version.digest
    for what, got, expected in (("model", model, begun.model), ("record", case.record_digest, begun.record)):
        if got != expected:
            raise EvidenceError(f"the {what} has the digest {got}; the deployment began with {expected}")
    return "model and record are those that the deployment began with"


def _check_history(case: Case, *, store: Store) -> str:
    record, version = case.record, case.record.model_version
    if version is None or version.digest is None:
        raise EvidenceError("the record names no model, so nothing is known of later runs")
    with store.read() as connection:
        failed = later_failure(
            connection,
            model_id=version.model_id,
            digest=version.digest,
            after=record.timestamp.timestamp(),
        )
    if failed is not None:
        raise EvidenceError(f"run {failed} of the same bytes ended in FAIL after run {record.run_id}")
    return "no later run of the same bytes is known to have failed"
