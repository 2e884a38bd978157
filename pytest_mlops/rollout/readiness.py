"""Readiness: every replica of a version runs, is healthy, and answers as the tested model did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.rollout.context import StepFailed

if TYPE_CHECKING:
    from pytest_mlops.rollout.context import DeploymentContext
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.targets.protocol import Replica

__all__ = [
    "VERDICT_SECONDS",
    "await_healthy",
    "await_ready",
    "await_replicas",
    "refuse_crash_loop",
    "replay_golden",
    "watch",
]

VERDICT_SECONDS = 30.0
"""Deadline of one health verdict (``health_check_timeout`` of the FrameworkConfig)."""

_TICK = 0.05
_PROBE_EVERY = 0.5


def await_healthy(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    """Wait until every replica is there and healthy, at most to the deployment's deadline.

    Returns:
        The health status, for the journal.

    Raises:
        StepFailed: the deadline passed, the replicas keep dying, or the deployment was aborted.
    """
    last = "no replica was started"
    while True:
        context.require_not_aborted(plan)
        replicas = _alive(context, plan)
        refuse_crash_loop(context, plan)
        left = _seconds_left(context, plan)
        if len(replicas) >= plan.replicas:
            seconds = min(max(left, 0.1), VERDICT_SECONDS)
            status = context.probes.health(plan, replicas, seconds=seconds, quick=True)
            # The gateway probes them too, and sends no request to one that it has not seen healthy.
            ready = all(replica.ready for replica in _alive(context, plan))
            if status.is_healthy and ready:
                return {"health": status.model_dump(mode="json"), "replicas": len(replicas)}
            last = "healthy, but not ready for requests yet" if status.is_healthy else status.message
        elif replicas:
            last = f"{len(replicas)} of {plan.replicas} replicas run"
        if left <= 0:
            raise StepFailed(
                f"not healthy within the deadline of {plan.environment.rollout.deadline:g} s: {last}"
            )
        context.sleep(_TICK)


def await_ready(context: DeploymentContext, plan: DeploymentPlan) -> None:
    """Wait until every replica is ready for requests, within the time of one health verdict.

    Raises:
        StepFailed: they are not, they keep dying, or the deployment was aborted.
    """
    began = context.now()
    while True:
        context.require_not_aborted(plan)
        refuse_crash_loop(context, plan)
        ready = sum(replica.ready for replica in _alive(context, plan))
        if ready >= plan.replicas:
            return
        if (context.now() - began).total_seconds() >= VERDICT_SECONDS:
            raise StepFailed(
                f"{ready} of {plan.replicas} replicas are ready after {VERDICT_SECONDS:g} s: "
                f"{_last_message(context, plan)}"
            )
        context.sleep(_TICK)


def await_replicas(context: DeploymentContext, plan: DeploymentPlan) -> list[Replica]:
    """Return the replicas that run, as soon as one does, or none after the time of one health verdict."""
    began = context.now()
    while not (replicas := _alive(context, plan)):
        context.lease.require()
        if (context.now() - began).total_seconds() >= VERDICT_SECONDS:
            break
        context.sleep(_TICK)
    return replicas


def replay_golden(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    """Ask every replica the golden requests.

    Returns:
        What was found, for the journal.

    Raises:
        MLOpsError: an answer is not the known one, or could not be had.
    """
    if plan.environment.golden is None:
        return {"golden": "the environment declares none"}
    replicas = _alive(context, plan)
    if not replicas:
        raise StepFailed("there is no replica to send the golden requests to")
    return {"golden": [context.probes.replay(plan, replica) for replica in replicas]}


def watch(context: DeploymentContext, plan: DeploymentPlan, *, until: float) -> dict[str, Any]:
    """Watch a version until a moment, seconds since the epoch; probe it at least once.

    Returns:
        The last health status, and how many of all probes succeeded, for the journal.

    Raises:
        StepFailed: it is not healthy, its replicas keep dying, or the deployment was aborted.
    """
    successes = probes = 0
    while True:
        context.require_not_aborted(plan)
        refuse_crash_loop(context, plan)
        replicas = _alive(context, plan)
        status = context.probes.health(plan, replicas, seconds=VERDICT_SECONDS) if replicas else None
        if status is not None:
            if not status.is_healthy:
                raise StepFailed(f"not healthy with the traffic: {status.message}")
            successes += sum(check.successes for check in status.checks)
            probes += sum(check.probes for check in status.checks)
        if context.now().timestamp() >= until:
            if status is None or len(replicas) < plan.replicas:
                raise StepFailed(f"{len(replicas)} of {plan.replicas} replicas run at the end of the bake")
            return {"health": status.model_dump(mode="json"), "successes": successes, "probes": probes}
        context.sleep(min(_PROBE_EVERY, max(until - context.now().timestamp(), _TICK)))


def refuse_crash_loop(context: DeploymentContext, plan: DeploymentPlan) -> None:
    """Raise a StepFailed where the restart budget is used up."""
    if context.row(plan).restart_budget == 0:
        last = _last_message(context, plan)
        raise StepFailed(f"its replicas died {plan.environment.rollout.tries} times: {last}")


def _last_message(context: DeploymentContext, plan: DeploymentPlan) -> str:
    messages = [replica.message for replica in context.target.replicas(plan.deployment_id)]
    return next((message for message in messages if message), "see their logs")


def _alive(context: DeploymentContext, plan: DeploymentPlan) -> list[Replica]:
    return [replica for replica in context.target.replicas(plan.deployment_id) if replica.alive]


def _seconds_left(context: DeploymentContext, plan: DeploymentPlan) -> float:
    return plan.created_at.timestamp() + plan.environment.rollout.deadline - context.now().timestamp()
