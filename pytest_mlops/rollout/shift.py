"""The shift: traffic moves to the new version as its strategy says, and as the judge allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import TaskError
from pytest_mlops.rollout.canary.trial import Trial
from pytest_mlops.rollout.context import StepFailed
from pytest_mlops.rollout.readiness import refuse_crash_loop
from pytest_mlops.state.pointer import Pointer
from pytest_mlops.state.steps import Phase, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.records.serving import CanaryStep
    from pytest_mlops.rollout.context import DeploymentContext
    from pytest_mlops.state.plan import DeploymentPlan

__all__ = ["shift"]

_JUDGE_EVERY = 0.25


def shift(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    """Lead traffic to a version until it may have all of it.

    Returns:
        How it went, for the journal.

    Raises:
        StepFailed: the judge decided to roll back, the deployment was aborted, or its time is over.
        MLOpsError: the target failed.
    """
    strategy = plan.environment.rollout.strategy
    if context.pointer(plan).stable is None:
        return {
            "strategy": strategy,
            "note": "nothing served here before, so there is nothing to compare with",
        }
    return {"strategy": strategy} | _STRATEGIES[strategy](context, plan)


def _all_at_once(_context: DeploymentContext, _plan: DeploymentPlan) -> dict[str, Any]:
    return {}


def _blue_green(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    """Wait, with the new version healthy and without traffic, until a person promotes it."""
    context.echo(f"{plan.deployment_id} is ready; pytest-mlops promote shifts the traffic to it")
    while True:
        requested = context.require_not_aborted(plan)
        refuse_crash_loop(context, plan)
        if requested.promote is not None and not requested.paused:
            return {"promoted": str(requested.promote)}
        context.sleep(_JUDGE_EVERY)


def _canary(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    trial = Trial.resume(context, plan)
    for index, step in enumerate(plan.environment.rollout.canary_steps):
        if index < trial.passed:
            continue
        _lead(context, plan, weight=step.weight)
        context.echo(f"{plan.deployment_id} gets {step.weight:g} % of the traffic")
        promoted = _judge_step(context, plan, trial, index, step)
        if promoted is not None:
            return {"promoted": promoted}
    return {"judged": trial.reasons()}


def _shadow(context: DeploymentContext, plan: DeploymentPlan) -> dict[str, Any]:
    rollout = plan.environment.rollout
    trial = Trial.resume(context, plan)
    pointer = context.pointer(plan)
    shadow = {plan.deployment_id: rollout.shadow_share}
    if pointer.shadow != shadow:
        _move(context, plan, pointer, weights=pointer.weights, shadow=shadow, reason="shadow traffic begins")
    context.echo(f"{plan.deployment_id} gets a copy of {rollout.shadow_share:.0%} of the requests")
    promoted = _judge_step(context, plan, trial, 0, None)
    return {"promoted": promoted} if promoted is not None else {"judged": trial.reasons()}


_STRATEGIES: dict[str, Callable[[DeploymentContext, DeploymentPlan], dict[str, Any]]] = {
    "all_at_once": _all_at_once,
    "blue_green": _blue_green,
    "canary": _canary,
    "shadow": _shadow,
}


def _judge_step(
    context: DeploymentContext, plan: DeploymentPlan, trial: Trial, index: int, step: CanaryStep | None
) -> str | None:
    """Judge the traffic of one step until it may advance; return who promoted it, where a person did."""
    rollout = plan.environment.rollout
    bake = rollout.bake if step is None else step.bake
    since = _begin(context, plan, trial, index, None if step is None else step.weight)
    while True:
        requested = context.require_not_aborted(plan)
        refuse_crash_loop(context, plan)
        elapsed = context.now().timestamp() - since
        if requested.promote is not None and not requested.paused:
            trial.note("promoted by a person")
            return str(requested.promote)
        decision = trial.decide(over=elapsed >= bake)
        if decision.rolls_back:
            raise StepFailed(f"the judge decided to roll back: {decision.message}")
        if elapsed >= bake and decision.promotes and not requested.paused:
            trial.end()
            return None
        if elapsed >= max(rollout.max_bake, bake) and rollout.on_hold == "rollback" and not requested.paused:
            raise StepFailed(f"no verdict within max_bake, {rollout.max_bake:g} s: {decision.message}")
        context.sleep(_JUDGE_EVERY)


def _begin(
    context: DeploymentContext, plan: DeploymentPlan, trial: Trial, index: int, weight: float | None
) -> float:
    """Begin a step once there are counts: a gateway that is just starting is no fault of the version."""
    rollout = plan.environment.rollout
    asked = context.now()
    while True:
        try:
            return trial.begin(index, weight=weight)
        except TaskError as error:
            context.require_not_aborted(plan)
            refuse_crash_loop(context, plan)
            waited = (context.now() - asked).total_seconds()
            if waited >= rollout.max_bake and rollout.on_hold == "rollback":
                raise StepFailed(f"no counts within max_bake, {rollout.max_bake:g} s: {error}") from error
        context.sleep(_JUDGE_EVERY)


def _lead(context: DeploymentContext, plan: DeploymentPlan, *, weight: float) -> None:
    """Give the new version a percentage of the traffic, and the one that serves the rest."""
    pointer = context.pointer(plan)
    weights = {str(pointer.stable): 100.0 - weight, plan.deployment_id: weight}
    if pointer.weights != weights or pointer.shadow:
        _move(context, plan, pointer, weights=weights, shadow={}, reason=f"canary at {weight:g} %")
    else:
        context.await_route(pointer.revision)


def _move(
    context: DeploymentContext,
    plan: DeploymentPlan,
    pointer: Pointer,
    *,
    weights: Any,
    shadow: Any,
    reason: str,
) -> None:
    to = Pointer(stable=pointer.stable, previous=pointer.previous, weights=weights, shadow=shadow)
    with context.lease.write() as connection:
        moved = context.move(connection, plan, to, expected=pointer.revision, reason=reason)
        detail = {"revision": moved.revision, "weights": dict(weights), "shadow": dict(shadow)}
        context.note(plan, Step.SHIFT, Phase.NOTED, detail, connection=connection)
    context.await_route(moved.revision)
