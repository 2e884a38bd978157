"""The driver: carries out one step after the other until the deployment is over, wherever it was left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import ConflictError, MLOpsError, StoreError
from pytest_mlops.evidence.verify import read_record
from pytest_mlops.rollout.blessing import bless
from pytest_mlops.rollout.context import StepFailed
from pytest_mlops.rollout.readiness import await_healthy, await_ready, replay_golden, watch
from pytest_mlops.rollout.rollback import revert
from pytest_mlops.rollout.shift import shift
from pytest_mlops.rollout.ticket_verification import evidence_of, ticket_detail, verify_plan
from pytest_mlops.state.pointer import Pointer, read_pointer
from pytest_mlops.state.rows import change_deployment
from pytest_mlops.state.steps import Phase, Step, done_steps, is_committed, next_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_mlops.rollout.context import Operator
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.state.steps import Entry

__all__ = ["TICKET_SECONDS", "carry_out"]

TICKET_SECONDS = 60.0
"""Seconds for which a ticket that was found good counts; before the commit an older one is asked again."""


def carry_out(operator: Operator, plan: DeploymentPlan) -> None:
    """Carry out what is left of a deployment; afterwards it serves, or the version before it does.

    Args:
        operator: With the lease on the plan's environment.
        plan: The deployment; its row is in the store.

    Raises:
        ConflictError: somebody else holds the lease now, and goes on with the deployment.
        StoreError: the store failed. Whoever takes the lease next goes on with the deployment.
        MLOpsError: the way back failed, too; it is tried again by whoever takes the lease next.
    """
    if _needs_new_ticket(operator, operator.journal(plan)):
        _step(operator, plan, Step.VERIFY)
    while (step := next_step(operator.journal(plan))) is not None:
        _step(operator, plan, step)


def _needs_new_ticket(operator: Operator, journal: Sequence[Entry]) -> bool:
    """Tell whether a deployment that goes on to serve has a ticket that may not hold any more.

    It is too old, or another process staged the version, and may have ended long before.
    """
    done = done_steps(journal)
    if is_committed(journal) or next_step(journal) in {Step.REVERT, None} or Step.VERIFY not in done:
        return False
    return _is_ticket_old(operator, journal) or (
        Step.STAGE in done and journal[-1].fence != operator.lease.fence
    )


def _step(operator: Operator, plan: DeploymentPlan, step: Step) -> None:
    operator.lease.require()
    operator.note(plan, step, Phase.BEGUN)
    operator.tell(f"{plan.deployment_id}: {step}")
    try:
        detail = _ACTS[step](operator, plan)
    except (ConflictError, StoreError):
        raise
    except MLOpsError as error:
        _fail(operator, plan, step, str(error))
        if step is Step.REVERT:
            raise
    except Exception as error:  # whatever goes wrong in a step, the version before is brought back
        _fail(operator, plan, step, f"{type(error).__name__}: {error}")
        if step is Step.REVERT:
            raise
    else:
        if detail is not None:
            operator.note(plan, step, Phase.DONE, detail)


def _fail(operator: Operator, plan: DeploymentPlan, step: Step, reason: str) -> None:
    operator.note(plan, step, Phase.FAILED, {"reason": reason})
    operator.tell(f"{plan.deployment_id}: {step} failed: {reason}")


def _verify(operator: Operator, plan: DeploymentPlan) -> dict[str, Any]:
    ticket = verify_plan(
        operator.store,
        plan,
        rollback=plan.rollback_from is not None,
        actor=operator.actor,
        now=operator.now(),
    )
    return ticket_detail(ticket)


def _environment(operator: Operator, plan: DeploymentPlan) -> dict[str, Any]:
    record = read_record(evidence_of(plan).record)
    health, consistency = operator.probes.environment(plan.environment, record)
    least = plan.environment.rollout.require_consistency
    share = consistency.share
    if least > 0 and (share is None or share < least):
        got = "nothing could be compared" if share is None else f"γ is {share:.3f}"
        differences = "; ".join(consistency.differences[:5])
        raise StepFailed(f"{got}, must be at least {least:g}{': ' if differences else ''}{differences}")
    return {"health": health.model_dump(mode="json"), "consistency": consistency.model_dump(mode="json")}


def _stage(operator: Operator, plan: DeploymentPlan) -> dict[str, Any]:
    operator.probes.stage(plan)
    return {"release": plan.release}


def _start(operator: Operator, plan: DeploymentPlan) -> dict[str, Any]:
    with operator.lease.write() as connection:
        change_deployment(connection, plan.deployment_id, at=operator.now(), wanted=plan.replicas)
    operator.target.start(plan.deployment_id)
    return {"replicas": plan.replicas}


def _commit(operator: Operator, plan: DeploymentPlan) -> None:
    """Move the pointer; the journal says so in the same transaction, so that the two never disagree."""
    name = plan.deployment_id
    if _is_ticket_old(operator, operator.journal(plan)):
        _verify(operator, plan)
    await_ready(operator, plan)
    operator.heed_abort(plan)
    with operator.lease.write() as connection:
        pointer = read_pointer(connection, plan.environment.environment_id)
        previous = pointer.stable if pointer.stable != name else pointer.previous
        to = Pointer(stable=name, previous=previous, weights={name: 100.0}, shadow={})
        moved = operator.move(connection, plan, to, expected=pointer.revision, reason=f"{name} serves")
        detail = {"revision": moved.revision, "previous": previous}
        operator.note(plan, Step.COMMIT, Phase.DONE, detail, connection=connection)


def _is_ticket_old(operator: Operator, journal: Sequence[Entry]) -> bool:
    """Tell whether the ticket was last found good longer ago than it counts: a rollout may take days."""
    age = operator.now().timestamp() - _last_done(journal, Step.VERIFY).at
    return not 0 <= age <= TICKET_SECONDS  # nor does one from the future count


def _bake(operator: Operator, plan: DeploymentPlan) -> dict[str, Any]:
    operator.await_route(operator.pointer(plan).revision)
    committed = _last_done(operator.journal(plan), Step.COMMIT)
    if committed.fence != operator.lease.fence:  # whatever ended who committed it may have ended replicas
        await_ready(operator, plan)
    return watch(operator, plan, until=committed.at + plan.environment.rollout.bake)


def _last_done(journal: Sequence[Entry], step: Step) -> Entry:
    return next(entry for entry in reversed(journal) if entry.step is step and entry.phase is Phase.DONE)


_ACTS: Mapping[Step, Callable[[Operator, DeploymentPlan], dict[str, Any] | None]] = {
    Step.VERIFY: _verify,
    Step.ENVIRONMENT: _environment,
    Step.STAGE: _stage,
    Step.START: _start,
    Step.PROBE: await_healthy,
    Step.REPLAY: replay_golden,
    Step.SHIFT: shift,
    Step.COMMIT: _commit,
    Step.BAKE: _bake,
    Step.BLESS: bless,
    Step.REVERT: revert,
}
"""What each step does; one that writes its own end into the journal returns ``None``."""
