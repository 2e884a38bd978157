"""Rollback to a version that served before: which may serve again, and the revert of a failed deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import MLOpsError, NotRegistered, StoreError
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.rollout.blessing import begin_monitoring, stop_others
from pytest_mlops.rollout.readiness import VERDICT_SECONDS, await_replicas
from pytest_mlops.rollout.ticket_verification import verify_plan
from pytest_mlops.state.pointer import Pointer
from pytest_mlops.state.rows import change_deployment, get_deployment
from pytest_mlops.state.steps import Phase, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.rollout.context import DeploymentContext
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.state.rows import DeploymentRow

__all__ = ["revert", "rollback_candidates"]


def rollback_candidates(
    rows: Sequence[DeploymentRow], *, stable: str | None, to: str | None = None
) -> tuple[DeploymentRow, ...]:
    """Return the deployments that can be rolled back to, the best first; of each release only the newest.

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


def revert(context: DeploymentContext, plan: DeploymentPlan) -> None:
    """Shift all traffic back to the version before, then stop the new one.

    Before the commit that version never stopped serving. After it, it still runs, since only the blessing
    stops it; its ticket is verified again all the same. Where it may not or cannot serve any more, the new
    version, which was verified too, keeps serving, and the deployment's message says so.

    Raises:
        MLOpsError: the target failed; the revert is tried again.
    """
    pointer = context.pointer(plan)
    if pointer.stable == plan.deployment_id:
        refusal = None if pointer.previous is None else _refusal(context, plan, pointer.previous)
        if refusal is not None:
            _stay(context, plan, refusal)
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
        with context.lease.write() as connection:
            reason = f"{plan.deployment_id} is rolled back"
            moved = context.move(connection, plan, back, expected=pointer.revision, reason=reason)
    context.await_route(moved.revision)
    _end(context, plan, serves=back.stable)


def _refusal(context: DeploymentContext, plan: DeploymentPlan, name: str) -> str | None:
    """Return why the deployment before may not serve again, as of now; ``None`` where it may."""
    with context.store.read() as connection:
        row = get_deployment(connection, name)
    today = row.plan.model_copy(update={"environment": plan.environment, "model_id": plan.model_id})
    try:
        verify_plan(context.store, today, rollback=True, actor=context.actor, now=context.now())
    except StoreError:
        raise  # the version is not to blame
    except MLOpsError as error:
        return str(error)
    # After a crash of the machine its replicas may only just be starting again.
    replicas = await_replicas(context, row.plan)
    if not replicas:
        return f"{name} has no replica that runs"
    health = context.probes.health(row.plan, replicas, seconds=VERDICT_SECONDS)
    return None if health.is_healthy else f"{name} is not healthy: {health.message}"


def _end(context: DeploymentContext, plan: DeploymentPlan, *, serves: str | None) -> None:
    reason = _reason(context, plan)
    with context.lease.write() as connection:
        at = context.now()
        change_deployment(
            connection,
            plan.deployment_id,
            at=at,
            status=DeploymentStatus.FAILED,
            message=reason,
            desired_replicas=0,
        )
        detail = {"reason": reason, "serves": serves}
        context.note(plan, Step.REVERT, Phase.DONE, detail, connection=connection)
    context.target.stop(plan.deployment_id)
    context.echo(f"{plan.deployment_id} was rolled back; {serves or 'nothing'} serves")


def _stay(context: DeploymentContext, plan: DeploymentPlan, refusal: str) -> None:
    reason = f"{_reason(context, plan)}; it keeps serving, since there is nothing to roll back to: {refusal}"
    with context.lease.write() as connection:
        at = context.now()
        # Without a restart budget its replicas are always restarted: serving badly is better than not at all.
        change_deployment(
            connection,
            plan.deployment_id,
            at=at,
            status=DeploymentStatus.RUNNING,
            message=reason,
            restart_budget=None,
        )
        stopped = stop_others(connection, plan, at=at)
        begin_monitoring(connection, plan, at=at)
        detail = {"reason": reason, "serves": plan.deployment_id, "stopped": stopped}
        context.note(plan, Step.REVERT, Phase.DONE, detail, connection=connection)
    for name in stopped:
        context.target.stop(name)
    context.echo(f"{plan.deployment_id}: {reason}")


def _reason(context: DeploymentContext, plan: DeploymentPlan) -> str:
    failures = [entry for entry in context.journal(plan) if entry.phase is Phase.FAILED]
    first: dict[str, Any] = dict(failures[0].detail) if failures else {}
    step = failures[0].step.value if failures else "deployment"
    return f"{step}: {first.get('reason', 'failed')}"


def _names(row: DeploymentRow) -> set[str]:
    plan = row.plan
    return {plan.deployment_id, plan.model_version.version_id, plan.version}
