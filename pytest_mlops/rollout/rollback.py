"""The way back of a deployment that failed: the version before serves again, or goes on serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import MLOpsError, StoreError
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.rollout.blessing import begin_monitoring, stop_others
from pytest_mlops.rollout.readiness import VERDICT_SECONDS, await_replicas
from pytest_mlops.rollout.ticket_verification import verify_plan
from pytest_mlops.state.pointer import Pointer
from pytest_mlops.state.rows import change_deployment, get_deployment
from pytest_mlops.state.steps import Phase, Step

if TYPE_CHECKING:
    from pytest_mlops.rollout.context import Operator
    from pytest_mlops.state.plan import DeploymentPlan

__all__ = ["revert"]


def revert(operator: Operator, plan: DeploymentPlan) -> None:
    """Lead all traffic back to the version before, then stop the new one.

    Before the commit that version never stopped serving. After it, it still runs, since only the blessing
    stops it; its ticket is asked for again all the same. Where it may not or cannot serve any more, the new
    version, which was verified too, goes on serving, and the deployment's message says so.

    Raises:
        MLOpsError: the target failed; the way back is tried again.
    """
    pointer = operator.pointer(plan)
    if pointer.stable == plan.deployment_id:
        refusal = None if pointer.previous is None else _refusal(operator, plan, pointer.previous)
        if refusal is not None:
            _stay(operator, plan, refusal)
            return
        back = Pointer(stable=pointer.previous, weights={pointer.previous: 100.0} if pointer.previous else {})
    else:
        back = Pointer(
            stable=pointer.stable,
            previous=pointer.previous,
            weights={pointer.stable: 100.0} if pointer.stable else {},
        )
    moved = pointer
    if (dict(pointer.weights), dict(pointer.shadow), pointer.stable) != (dict(back.weights), {}, back.stable):
        with operator.lease.write() as connection:
            reason = f"{plan.deployment_id} is taken back"
            moved = operator.move(connection, plan, back, expected=pointer.revision, reason=reason)
    operator.await_route(moved.revision)
    _end(operator, plan, serves=back.stable)


def _refusal(operator: Operator, plan: DeploymentPlan, name: str) -> str | None:
    """Return why the deployment before may not serve again, as of now; ``None`` where it may."""
    with operator.store.read() as connection:
        row = get_deployment(connection, name)
    today = row.plan.model_copy(update={"environment": plan.environment, "model_id": plan.model_id})
    try:
        verify_plan(operator.store, today, rollback=True, actor=operator.actor, now=operator.now())
    except StoreError:
        raise  # that says nothing of the version
    except MLOpsError as error:
        return str(error)
    # After a crash of the machine its replicas may only just be starting again.
    replicas = await_replicas(operator, row.plan)
    if not replicas:
        return f"{name} has no replica that runs"
    health = operator.probes.health(row.plan, replicas, seconds=VERDICT_SECONDS)
    return None if health.is_healthy else f"{name} is not healthy: {health.message}"


def _end(operator: Operator, plan: DeploymentPlan, *, serves: str | None) -> None:
    reason = _reason(operator, plan)
    with operator.lease.write() as connection:
        at = operator.now()
        change_deployment(
            connection,
            plan.deployment_id,
            at=at,
            status=DeploymentStatus.FAILED,
            message=reason,
            wanted=0,
        )
        detail = {"reason": reason, "serves": serves}
        operator.note(plan, Step.REVERT, Phase.DONE, detail, connection=connection)
    operator.target.stop(plan.deployment_id)
    operator.tell(f"{plan.deployment_id} was taken back; {serves or 'nothing'} serves")


def _stay(operator: Operator, plan: DeploymentPlan, refusal: str) -> None:
    reason = f"{_reason(operator, plan)}; it goes on serving, since there is nothing to go back to: {refusal}"
    with operator.lease.write() as connection:
        at = operator.now()
        # Without tries its replicas are started again and again: serving badly is better than not at all.
        change_deployment(
            connection,
            plan.deployment_id,
            at=at,
            status=DeploymentStatus.RUNNING,
            message=reason,
            tries=None,
        )
        stopped = stop_others(connection, plan, at=at)
        begin_monitoring(connection, plan, at=at)
        detail = {"reason": reason, "serves": plan.deployment_id, "stopped": stopped}
        operator.note(plan, Step.REVERT, Phase.DONE, detail, connection=connection)
    for name in stopped:
        operator.target.stop(name)
    operator.tell(f"{plan.deployment_id}: {reason}")


def _reason(operator: Operator, plan: DeploymentPlan) -> str:
    failures = [entry for entry in operator.journal(plan) if entry.phase is Phase.FAILED]
    first: dict[str, Any] = dict(failures[0].detail) if failures else {}
    step = failures[0].step.value if failures else "deployment"
    return f"{step}: {first.get('reason', 'failed')}"
