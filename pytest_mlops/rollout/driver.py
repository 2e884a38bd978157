"""The driver: carries out one step after the other until the deployment is over, whichever step is next."""

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

    from pytest_mlops.rollout.context import DeploymentContext
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.state.steps import Entry

__all__ = ["TICKET_SECONDS", "carry_out"]

TICKET_SECONDS = 60.0
"""Seconds for which a ticket that was found good counts; before the commit an older one is asked again."""


def carry_out(context: DeploymentContext, plan: DeploymentPlan) -> None:
    """Carry out what is left of a deployment; afterwards it serves, or the version before it does.

    Args:
        context: With the lease on the plan's environment.
        plan: The deployment; its row is in the store.

    Raises:
        ConflictError: another process holds the lease now and resumes the deployment.
        StoreError: the store failed. The next holder of the lease resumes the deployment.
        MLOpsError: the revert failed, too; the next holder of the lease tries it again.
    """
    if _needs_new_ticket(context, context.journal(plan)):
        _step(context, plan, Step.VERIFY)
    while (step := next_step(context.journal(plan))) is not None:
        _step(context, plan, step)


def _needs_new_ticket(context: DeploymentContext, journal: Sequence[Entry]) -> bool:
    """Return whether a deployment that is to serve has a ticket that may not hold any more.

    The ticket is too old, or another process, which has ended, staged the version.
    """
    done = done_steps(journal)
    if is_committed(journal) or next_step(journal) in {Step.REVERT, None} or Step.VERIFY not in done:
        return False
    return _is_ticket_old(context, journal) or (
        Step.STAGE in done and journal[-1].fence != context.lease.fence
    )


def _step(context: DeploymentContext, plan: DeploymentPlan, step: Step) -> None:
    context.lease.require()
    context.note(plan, step, Phase.BEGUN)
    context.echo(f"{plan.deployment_id}: {step}")
    try:
        detail = _ACTS[step](context, plan)
    except (ConflictError, StoreError):
        raise
    except MLOpsError as error:
        _fail(context, plan, step, str(error))
        if step is Step.REVERT:
            raise
    except Exception as error:  # whatever goes wrong in a step, the version before serves again
        _fail(context, plan, step, f"{type(error).__name__}: {error}")
        if step is Step.REVERT:
            raise
    else:
        if detail is not None:
            context.note(plan, step, Phase.DONE, detail)


def _fail(context: DeploymentContext, plan: DeploymentPlan, step: Step, reason: str) -> None:
    context.note(plan, step, Phase.FAILED, {"reason": reason})
    context.echo(f"{plan.deployment_id}: {step} failed: {reason}")


def _verify(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    ticket = verify_plan(
        context.store,
        plan,
        rollback=plan.rollback_from is not None,
        actor=context.actor,
        now=context.now(),
    )
    return ticket_detail(ticket)


def _environment(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    record = read_record(evidence_of(plan).record)
    health, consistency = context.probes.environment(plan.environment, record)
    least = plan.environment.rollout.require_consistency
    share = consistency.share
    if least > 0 and (share is None or share < least):
        got = "nothing could be compared" if share is None else f"γ is {share:.3f}"
        differences = "; ".join(consistency.differences[:5])
        raise StepFailed(f"{got}, must be at least {least:g}{': ' if differences else ''}{differences}")
    return {"health": health.model_dump(mode="json"), "consistency": consistency.model_dump(mode="json")}


def _stage(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    context.probes.stage(plan)
    return {"release": plan.release}


def _start(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    with context.lease.write() as connection:
        change_deployment(connection, plan.deployment_id, at=context.now(), desired_replicas=plan.replicas)
    context.target.start(plan.deployment_id)
    return {"replicas": plan.replicas}


def _commit(context: DeploymentContext, plan: DeploymentPlan) -> None:
    """Move the pointer; the journal says so in the same transaction, so that the two never disagree."""
    name = plan.deployment_id
    if _is_ticket_old(context, context.journal(plan)):
        _verify(context, plan)
    await_ready(context, plan)
    context.require_not_aborted(plan)
    with context.lease.write() as connection:
        pointer = read_pointer(connection, plan.environment.environment_id)
        previous = pointer.stable if pointer.stable != name else pointer.previous
        to = Pointer(stable=name, previous=previous, weights={name: 100.0}, shadow={})
        moved = context.move(connection, plan, to, expected=pointer.revision, reason=f"{name} serves")
        detail = {"revision": moved.revision, "previous": previous}
        context.note(plan, Step.COMMIT, Phase.DONE, detail, connection=connection)


def _is_ticket_old(context: DeploymentContext, journal: Sequence[Entry]) -> bool:
    """Return whether the ticket was last found good longer ago than it counts: a rollout may take days."""
    age = context.now().timestamp() - _last_done(journal, Step.VERIFY).at
    return not 0 <= age <= TICKET_SECONDS  # nor does one from the future count


def _bake(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    context.await_route(context.pointer(plan).revision)
    committed = _last_done(context.journal(plan), Step.COMMIT)
    if committed.fence != context.lease.fence:  # what ended the committing process may have ended replicas
        await_ready(context, plan)
    return watch(context, plan, until=committed.at + plan.environment.rollout.bake)


def _last_done(journal: Sequence[Entry], step: Step) -> Entry:
    return next(entry for entry in reversed(journal) if entry.step is step and entry.phase is Phase.DONE)


_ACTS: Mapping[Step, Callable[[DeploymentContext, DeploymentPlan], dict[str, Any] | None]] = {
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
"""What each step does; one that writes its own last entry of the journal returns ``None``."""
